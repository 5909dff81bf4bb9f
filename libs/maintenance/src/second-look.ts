/**
 * A difference between a listing and the catalog, looked at once more: both have gone on since, and a store may lie in its
 * listing. Says what is wrong and what to do about it, and does nothing yet.
 *
 *   on a replica                       where it still stands so    and                              then
 *   no manifest                        confirmed, none there                                        a verification is owed
 *   no chunk                           confirmed, none there                                        a verification is owed
 *   no tombstone                       confirmed, none there       it is not expiring               the delete is owed again
 *   manifest of no file                there                       a tombstone is known             the delete is owed again
 *                                                                  none is                          reported: the catalog may have forgotten it
 *   tombstone of a file                there                                                        reported
 *   tombstone it was never told of     there                       the primary has it too           the delete is owed, which gives it a row
 *                                                                  it has not                       reported
 *   chunk of no file                   there, no pin               no unknown manifest anywhere     garbage, from now on for the grace
 *                                                                  there may be                     reported
 *   on the primary
 *   no manifest, no chunk              none there                  a replica holds the file         a repair is owed
 *                                                                  none does                        reported
 *   no tombstone                       none there                  it is not expiring               put again from a replica, or reported
 *   manifest of no file                there, below the checkpoint a tombstone stands there         it goes
 *                                                                  none does                        reported
 *   tombstone of a file                there, below the checkpoint                                  reported
 *   tombstone no replica was told of   there, below the checkpoint it is not expiring               the delete is owed to that replica
 *   chunk of no file                   is the sweep's (garbage-collector.ts)
 *   on any store
 *   manifest of no file                above the checkpoint        no store says it was deleted     counted: the store may know what the catalog does not
 */
import type { Catalog, MissingChunk, Obligation } from '#libs/catalog';
import { decodeWholeFrame } from '#libs/kernel';
import type { ChunkId, Clock, FileId, LogId, Lsn, StoreId } from '#libs/kernel';
import type { ObjectKey, PrimaryStore } from '#libs/stores';
import type { Finding } from './pass.js';
import type { StoreSight } from './store-sight.js';
import { tombstoneFrom } from './tombstone-source.js';
import type { TombstoneSources } from './tombstone-source.js';
import type { UnknownManifests } from './unknown-manifests.js';

export interface SecondLookOptions {
  readonly catalog: Catalog;
  readonly primary: PrimaryStore;
  readonly wal: { readonly logId: LogId; readonly checkpointLsn: Lsn };
  readonly clock: Clock;
  /** Owes the primary a repair. */
  readonly oweRepair: (fileId: FileId) => void;
  readonly unknownManifests: UnknownManifests;
  readonly replicas: TombstoneSources;
}

/** What was found, and what to do about it where something is. */
export interface Verdict extends Omit<Finding, 'storeId' | 'action'> {
  /** Where it is another one than the store that was looked at. */
  readonly storeId?: StoreId;
  readonly act?: () => void | Promise<void>;
}

const manifest = (id: FileId): ObjectKey => ({ kind: 'manifest', id });
const tombstone = (id: FileId): ObjectKey => ({ kind: 'tombstone', id });
const chunk = (id: ChunkId): ObjectKey => ({ kind: 'chunk', id });

const NOBODY_HOLDS_IT = 'it is missing, and no replica holds the file';
const NOT_LISTED = 'it is there, and the store does not list it';

export class SecondLook {
  readonly #options: SecondLookOptions;
  readonly #sight: StoreSight;
  readonly #storeId: StoreId;
  #unsettledManifests = 0;

  constructor(options: SecondLookOptions, sight: StoreSight, storeId: StoreId) {
    this.#options = options;
    this.#sight = sight;
    this.#storeId = storeId;
  }

  /** In motion, and of no file that anybody knows yet. Where the log is older than the store they stay so for long. */
  get unsettledManifests(): number {
    return this.#unsettledManifests;
  }

  get #isPrimary(): boolean {
    return this.#storeId === this.#options.primary.identity.storeId;
  }

  async missingManifest(fileId: FileId): Promise<Verdict | undefined> {
    const key = manifest(fileId);
    if (this.#isPrimary) return this.#missingOnPrimary(key, fileId);
    return this.#missingOnReplica(key, fileId);
  }

  async missingChunk({ chunkId, fileId }: MissingChunk): Promise<Verdict | undefined> {
    const key = chunk(chunkId);
    return this.#isPrimary ? this.#missingOnPrimary(key, fileId) : this.#missingOnReplica(key, fileId);
  }

  async missingTombstone(fileId: FileId): Promise<Verdict | undefined> {
    const { catalog, primary, clock } = this.#options;
    const key = tombstone(fileId);
    if (!this.#isPrimary && !this.#isConfirmed(fileId, 'absent')) return undefined;
    if ((await this.#sight.has(key)) !== undefined) return this.#isPrimary ? undefined : unlisted(key);
    if (catalog.findFile(fileId) !== undefined) return undefined;
    if (!this.#isPrimary) {
      if (!this.#isConfirmed(fileId, 'absent')) return undefined;
      const act = (): void => {
        // It may have expired since the look: without a tombstone anywhere the delete could never be done.
        if (!this.#isConfirmed(fileId, 'absent')) return;
        catalog.obligations.oweDelete({ fileId, storeId: this.#storeId, nowMs: clock.now() });
      };
      return { key, kind: 'missing', reason: 'the delete was confirmed, and there is no tombstone', act };
    }
    if (!this.#isRemembered(fileId)) return undefined;
    const bytes = await tombstoneFrom(this.#options.replicas, fileId);
    if (bytes === undefined) return { key, kind: 'missing', reason: 'it is missing, and no replica has it' };
    const act = async (): Promise<void> => {
      if (catalog.findFile(fileId) === undefined) await primary.put(key, bytes);
    };
    return { key, kind: 'missing', reason: 'it is missing; a replica has it', act };
  }

  async strayManifest(fileId: FileId): Promise<Verdict | undefined> {
    const key = manifest(fileId);
    const bytes = await this.#sight.get(key);
    if (bytes === undefined) return undefined;
    const { catalog, primary, clock } = this.#options;
    const isDeleted =
      (await primary.has(tombstone(fileId))) !== undefined || (await this.#sight.has(tombstone(fileId))) !== undefined;
    const row = this.#rowOf(fileId);
    if (catalog.findFile(fileId) !== undefined || (row !== undefined && row.state !== 'done')) return undefined;
    const isForgotten = !isDeleted && row?.want !== 'absent';
    if (this.#isInMotion(bytes)) {
      if (isForgotten) this.#unsettledManifests += 1;
      return undefined;
    }
    if (isForgotten) {
      const reason =
        'the catalog knows no such file, and no store says that it was deleted: has the catalog forgotten it?';
      return { key, kind: 'unknown', reason };
    }
    const act = async (): Promise<void> => {
      if (!this.#isPrimary) catalog.obligations.oweDelete({ fileId, storeId: this.#storeId, nowMs: clock.now() });
      else if (catalog.findFile(fileId) === undefined) await primary.delete(key);
    };
    return { key, kind: 'unexpected', reason: 'the file is deleted', act };
  }

  async strayTombstone(fileId: FileId): Promise<Verdict | undefined> {
    const { catalog, primary, clock } = this.#options;
    const key = tombstone(fileId);
    const bytes = await this.#sight.get(key);
    if (bytes === undefined || (this.#isPrimary && this.#isInMotion(bytes))) return undefined;
    if (catalog.findFile(fileId) !== undefined) {
      return {
        key,
        kind: 'unexpected',
        reason: 'the file is not deleted, and nothing is copied here beside a tombstone',
      };
    }
    if (this.#isPrimary || this.#rowOf(fileId)?.want === 'absent') return undefined;
    if ((await primary.has(key)) === undefined) {
      return { key, kind: 'unknown', reason: 'neither the catalog nor the primary knows that this file was deleted' };
    }
    const act = async (): Promise<void> => {
      // It may have expired since the look.
      if ((await primary.has(key)) === undefined) return;
      catalog.obligations.oweDelete({ fileId, storeId: this.#storeId, nowMs: clock.now() });
    };
    return { key, kind: 'unknown', reason: 'nobody had told this store of the delete', act };
  }

  /** Of the primary, which has it: any store alone must be able to say what was deleted, so that replica needs it too. */
  async untoldTombstone(fileId: FileId, replicaId: StoreId): Promise<Verdict | undefined> {
    const { catalog, primary, clock } = this.#options;
    const key = tombstone(fileId);
    const isUntold = (): boolean =>
      catalog.findFile(fileId) === undefined &&
      catalog.obligations
        .of(fileId)
        .every(({ storeId, want, state }) => state !== 'expiring' && (storeId !== replicaId || want !== 'absent'));
    const bytes = await this.#sight.get(key);
    if (bytes === undefined || this.#isInMotion(bytes) || !isUntold()) return undefined;
    const act = async (): Promise<void> => {
      // It may have expired since the look: without a tombstone anywhere the delete could never be done.
      if ((await primary.has(key)) === undefined || !isUntold()) return;
      catalog.obligations.oweDelete({ fileId, storeId: replicaId, nowMs: clock.now() });
    };
    return { key, kind: 'missing', storeId: replicaId, reason: 'nobody had told this store of the delete', act };
  }

  /** Of a replica. */
  async strayChunk(chunkId: ChunkId): Promise<Verdict | undefined> {
    const { catalog, clock, unknownManifests } = this.#options;
    const key = chunk(chunkId);
    if (this.#isNeededOrGoing(chunkId) || (await this.#sight.has(key)) === undefined) return undefined;
    if (this.#isNeededOrGoing(chunkId)) return undefined;
    if (!unknownManifests.areNowhere) {
      const reason = 'no file refers to it; it stays until every store is seen to have no manifest of an unknown file';
      return { key, kind: 'unknown', reason };
    }
    const act = (): void => void catalog.garbage.note([chunkId], clock.now());
    return { key, kind: 'unknown', reason: 'no file refers to it; it is collected when the grace is over', act };
  }

  async #missingOnPrimary(key: ObjectKey, fileId: FileId): Promise<Verdict | undefined> {
    const { catalog, wal, oweRepair } = this.#options;
    if ((await this.#sight.has(key)) !== undefined) return undefined;
    const entry = catalog.findFile(fileId);
    if (entry === undefined) return undefined;
    if (entry.logId === wal.logId && entry.lsn > wal.checkpointLsn) return undefined;
    const holders = catalog.obligations
      .of(fileId)
      .filter(({ want, state, storeId }) => want === 'present' && state === 'done' && storeId !== this.#storeId);
    if (holders.length === 0) return { key, kind: 'missing', reason: `${NOBODY_HOLDS_IT} ${fileId}` };
    return { key, kind: 'missing', reason: `it is missing; the file ${fileId} needs it`, act: () => oweRepair(fileId) };
  }

  async #missingOnReplica(key: ObjectKey, fileId: FileId): Promise<Verdict | undefined> {
    const { catalog, clock } = this.#options;
    if (!this.#isConfirmed(fileId, 'present')) return undefined;
    if ((await this.#sight.has(key)) !== undefined) return unlisted(key);
    if (!this.#isConfirmed(fileId, 'present')) return undefined;
    const order = { fileId, storeId: this.#storeId, operation: 'verify' } as const;
    const act = (): void => catalog.obligations.owe({ ...order, nowMs: clock.now() });
    return { key, kind: 'missing', reason: `it was confirmed, and is missing; the file ${fileId} needs it`, act };
  }

  #isConfirmed(fileId: FileId, want: Obligation['want']): boolean {
    const row = this.#rowOf(fileId);
    return row?.want === want && row.state === 'done';
  }

  /** Whether some store was told of the delete, and its tombstone has not expired. */
  #isRemembered(fileId: FileId): boolean {
    return this.#options.catalog.obligations
      .of(fileId)
      .some(({ want, state }) => want === 'absent' && state !== 'expiring');
  }

  #rowOf(fileId: FileId): Obligation | undefined {
    return this.#options.catalog.obligations.of(fileId).find(({ storeId }) => storeId === this.#storeId);
  }

  #isNeededOrGoing(chunkId: ChunkId): boolean {
    const { catalog, primary } = this.#options;
    return catalog.garbage.isReferenced(chunkId) || catalog.garbage.isNoted(chunkId) || primary.guard.isPinned(chunkId);
  }

  /** What is above the checkpoint may be between the primary and the catalog at this moment. */
  #isInMotion(bytes: Buffer): boolean {
    const { logId, checkpointLsn } = this.#options.wal;
    const decoded = decodeWholeFrame(bytes);
    return decoded.ok && decoded.frame.logId === logId && decoded.frame.lsn > checkpointLsn;
  }
}

function unlisted(key: ObjectKey): Verdict {
  return { key, kind: 'missing', reason: NOT_LISTED };
}
