/** What the frames on a store say: the source of a rebuilt catalog, and of the LSN that a new log must stay above. */
import { decodeWholeFrame, lsn, NO_LSN, recordTypeOf } from '#libs/kernel';
import type { FileId, Frame, Lsn } from '#libs/kernel';
import type { Store } from '#libs/stores';
import type { Log } from '#libs/telemetry';

const PAGE_SIZE = 1000;

export interface StoredRecords {
  readonly frames: readonly Frame[];
  /** Ids whose frame did not verify. */
  readonly damaged: readonly FileId[];
}

/** All frames of one kind, a page at a time. */
export async function* storedRecords(store: Store, kind: 'manifest' | 'tombstone'): AsyncGenerator<StoredRecords> {
  let after: string | undefined;
  do {
    const page = await store.list(kind, after === undefined ? { limit: PAGE_SIZE } : { limit: PAGE_SIZE, after });
    const frames: Frame[] = [];
    const damaged: FileId[] = [];
    for (const id of page.ids as FileId[]) {
      const bytes = await store.get({ kind, id });
      const decoded = bytes === undefined ? undefined : decodeWholeFrame(bytes);
      if (decoded?.ok === true && recordTypeOf(decoded.frame) !== undefined) frames.push(decoded.frame);
      else damaged.push(id);
    }
    yield { frames, damaged };
    after = page.next;
  } while (after !== undefined);
}

/** The highest LSN of any log that the store's manifests and tombstones carry; 0 for an empty store. */
export async function highestStoredLsn(store: Store, log: Log): Promise<Lsn> {
  let highest: number = NO_LSN;
  for (const kind of ['manifest', 'tombstone'] as const) {
    for await (const { frames, damaged } of storedRecords(store, kind)) {
      for (const frame of frames) highest = Math.max(highest, frame.lsn);
      for (const id of damaged) log.error({ store: store.identity.name, kind, id }, 'a record on the store is damaged');
    }
  }
  return lsn(highest);
}
