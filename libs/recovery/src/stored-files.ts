/** Manifests and tombstones of a store for a rebuild: verified, in batches of bounded memory; what is bad is named. */
import { decodeWholeFrame, forEachConcurrently, StoreError, systemErrorCode } from '#libs/kernel';
import type { FileId, Lsn, Manifest } from '#libs/kernel';
import type { ObjectKey, ObjectKind } from '#libs/stores';
import { readManifest, verifyTombstone } from '#libs/transfer';
import type { ReadableStore } from './helping-store.js';

const PAGE_IDS = 1000;
/** What stands in memory at a time; the reads of a bucket take milliseconds each, so some are under way at once. */
const BATCH_RECORDS = 64;
const BATCH_BYTES = 16 * 1024 * 1024;
const READS_AT_ONCE = 8;

export interface CorruptObject {
  /** The name of the store. */
  readonly store: string;
  readonly kind: ObjectKind;
  readonly id: string;
}

export interface StoredFile {
  readonly fileId: FileId;
  /** The frame, whole. */
  readonly bytes: Buffer;
  readonly lsn: Lsn;
}

export interface StoredManifest extends StoredFile {
  readonly manifest: Manifest;
}

/** The object's bytes; `corrupt` where the disk cannot read them. */
export async function readObject(store: ReadableStore, key: ObjectKey): Promise<Buffer | 'corrupt' | undefined> {
  try {
    return await store.get(key);
  } catch (error) {
    if (systemErrorCode(error) === 'EIO') return 'corrupt';
    throw error;
  }
}

/** Undefined where the store shows no whole manifest of that id. Throws `future_format`. */
export async function storedManifest(store: ReadableStore, fileId: FileId): Promise<StoredManifest | undefined> {
  return whole(store, { kind: 'manifest', id: fileId }, (bytes) => ({ manifest: readManifest(bytes, fileId) }));
}

async function storedTombstone(store: ReadableStore, fileId: FileId): Promise<StoredFile | undefined> {
  return whole(store, { kind: 'tombstone', id: fileId }, (bytes) => {
    verifyTombstone(bytes, fileId);
    return {};
  });
}

async function whole<More>(
  store: ReadableStore,
  key: ObjectKey & { readonly id: FileId },
  verify: (bytes: Buffer) => More,
): Promise<(StoredFile & More) | undefined> {
  const bytes = await readObject(store, key);
  if (bytes === undefined || bytes === 'corrupt') return undefined;
  try {
    const more = verify(bytes);
    const decoded = decodeWholeFrame(bytes);
    return decoded.ok ? { ...more, fileId: key.id, bytes, lsn: decoded.frame.lsn } : undefined;
  } catch (error) {
    if (StoreError.is(error, 'manifest_corrupt')) return undefined;
    throw error;
  }
}

export interface Batch<Read> {
  readonly whole: readonly Read[];
  readonly corrupt: readonly FileId[];
}

export const manifestsOf = (
  store: ReadableStore,
  ids = idsOf(store, 'manifest'),
): AsyncGenerator<Batch<StoredManifest>> => batchesOf(ids, (id) => storedManifest(store, id));

export const tombstonesOf = (store: ReadableStore): AsyncGenerator<Batch<StoredFile>> =>
  batchesOf(idsOf(store, 'tombstone'), (id) => storedTombstone(store, id));

/** All ids of a kind, in the store's key order. */
export async function* idsOf(store: ReadableStore, kind: 'manifest' | 'tombstone'): AsyncGenerator<FileId> {
  let after: string | undefined;
  do {
    const page = await store.list(kind, after === undefined ? { limit: PAGE_IDS } : { limit: PAGE_IDS, after });
    yield* page.ids as FileId[];
    after = page.next;
  } while (after !== undefined);
}

async function* batchesOf<Read extends StoredFile>(
  ids: AsyncIterable<FileId>,
  read: (id: FileId) => Promise<Read | undefined>,
): AsyncGenerator<Batch<Read>> {
  let found: Read[] = [];
  let corrupt: FileId[] = [];
  let waiting: FileId[] = [];
  const readWaiting = async (): Promise<void> => {
    await forEachConcurrently(waiting, READS_AT_ONCE, async (id) => {
      const record = await read(id);
      if (record === undefined) corrupt.push(id);
      else found.push(record);
    });
    waiting = [];
  };
  const isFull = (): boolean =>
    found.length + corrupt.length >= BATCH_RECORDS ||
    found.reduce((sum, { bytes }) => sum + bytes.length, 0) >= BATCH_BYTES;
  for await (const id of ids) {
    waiting.push(id);
    if (waiting.length < READS_AT_ONCE) continue;
    await readWaiting();
    if (!isFull()) continue;
    yield { whole: found, corrupt };
    found = [];
    corrupt = [];
  }
  await readWaiting();
  if (found.length + corrupt.length > 0) yield { whole: found, corrupt };
}

/** Ids of manifests that `store` lists and `other` does not, by walking both listings at once. */
export async function* manifestsOnlyOn(store: ReadableStore, other: ReadableStore): AsyncGenerator<FileId> {
  const others = idsOf(other, 'manifest');
  let next = await others.next();
  for await (const id of idsOf(store, 'manifest')) {
    while (next.done !== true && sortKey(next.value) < sortKey(id)) next = await others.next();
    if (next.done === true || next.value !== id) yield id;
  }
}

const sortKey = (id: FileId): string => `${id.slice(-2)}/${id}`;
