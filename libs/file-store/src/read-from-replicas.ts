/**
 * Where the primary cannot give what its catalog promises, a replica does, and the reader never notices; the repair of the
 * primary is owed from then on. What a replica gives is verified like what the primary gives. Where none can, the fault of
 * the primary is what is told, because that is what somebody has to mend.
 */
import { StoreError, systemErrorCode } from '#libs/kernel';
import type { FileId } from '#libs/kernel';
import type { Store } from '#libs/stores';
import type { FileStoreContext } from './context.js';

type Source = Pick<FileStoreContext, 'catalog' | 'replicas' | 'copies'>;

/** Faults of stored bytes and of the disk below them; everything else is the same on every store. */
const FAULTS_OF_A_STORE = ['chunk_missing', 'chunk_corrupt', 'manifest_missing', 'manifest_corrupt'] as const;

export function isFaultOfStore(error: unknown): boolean {
  if (StoreError.is(error)) return FAULTS_OF_A_STORE.some((code) => error.code === code);
  return systemErrorCode(error) !== undefined;
}

/** `read` must verify. Throws `primaryFault` where it is no fault of a store, or where no replica can help. */
export async function readFromReplicas<Result>(
  source: Source,
  fileId: FileId,
  { primaryFault, read }: { readonly primaryFault: unknown; readonly read: (replica: Store) => Promise<Result> },
): Promise<Result> {
  if (!isFaultOfStore(primaryFault)) throw primaryFault;
  for (const { storeId } of likeliestFirst(source, fileId)) {
    try {
      const result = await read(await source.copies.open(storeId));
      source.copies.oweRepair(fileId);
      return result;
    } catch {
      // The next one may have it; what is wrong with this one is found by whoever copies to it.
    }
  }
  throw primaryFault;
}

/** Replicas that have confirmed the file; then the others, which may hold it all the same. */
function likeliestFirst({ catalog, replicas }: Source, fileId: FileId): Source['replicas'] {
  const confirmed = new Set(
    catalog.obligations
      .of(fileId)
      .filter(({ state, want }) => state === 'done' && want === 'present')
      .map(({ storeId }) => storeId),
  );
  return replicas.toSorted((one, other) => Number(confirmed.has(other.storeId)) - Number(confirmed.has(one.storeId)));
}
