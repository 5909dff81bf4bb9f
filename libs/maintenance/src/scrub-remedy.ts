/**
 * What is done about an object that a store holds with wrong bytes. Nothing is moved out of the way unless another store
 * has just given it whole, or nobody needs it: what cannot be replaced is left where it is, and its files are named.
 *
 *   chunk       whole on another store   set aside, and its files owed a verification here, which puts it again
 *               needed by no file        set aside
 *               whole nowhere            left; its files are damaged, and owed a repair where they are
 *   manifest    whole on another store   its file is owed a verification here, which sets it aside and replaces it
 *               whole nowhere            left; the file is damaged
 *               of no file               the delete is owed again where one was ordered, else it is left
 *   tombstone   on a replica             the delete is owed again: it sets the tombstone aside and replaces it
 *               on the primary           set aside and put again, from a replica that has it whole; else left
 *
 * A chunk of the primary is set aside under its chunk lock, so that no upload of the same bytes can be publishing it; one
 * that is pinned stays, and the repair that is owed replaces it. Everything owed here is a new order: whoever carries out
 * an older one may have looked before the chunk was moved. Where a scrub only looks, all is decided in the same way, and
 * nothing is moved, written, owed or noted.
 */
import type { Catalog, DamagedObject, Obligation } from '#libs/catalog';
import { systemErrorCode } from '#libs/kernel';
import type { ChunkId, Clock, FileId, StoreId } from '#libs/kernel';
import type { ChunkGuard, ObjectKey } from '#libs/stores';
import type { Log } from '#libs/telemetry';
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Finding } from './pass.js';
import type { Sight, StoreReader } from './store-reader.js';

/** Files of one chunk that one transaction orders anew. */
const FILES_PER_PAGE = 500;
/** A disk that says one of these takes no rename, and would not for the next object either. */
const UNWRITABLE = ['ENOSPC', 'EDQUOT', 'EROFS', 'EACCES', 'EPERM'];

/** Replication, as far as a scrub needs it. */
export interface OwingReplication {
  /** Orders files anew on that store; answers with how many. */
  oweAnew(order: {
    readonly fileIds: readonly FileId[];
    readonly storeId: StoreId;
    readonly operation: 'verify' | 'repair' | 'delete';
  }): number;
}

/** What the scrubs of all stores share. */
export interface ScrubContext {
  /** Every store of the installation, the primary first. */
  readonly readers: ReadonlyMap<StoreId, StoreReader>;
  readonly primaryId: StoreId;
  /** Of the primary. */
  readonly guard: ChunkGuard;
  readonly catalog: Catalog;
  readonly replication: OwingReplication;
  readonly clock: Clock;
  readonly log: Log;
}

/** `look`: nothing is changed. */
export type ScrubMode = 'repair' | 'look';

type BadSight = Extract<Sight, { reason: string }>;
/** `healed`: it is whole, or gone, by now. */
type Removal = 'moved' | 'left' | 'healed';

interface OtherStores {
  readonly whole: StoreReader | undefined;
  /** The bytes of a tombstone; everything else is copied by jobs. */
  readonly bytes: Buffer | undefined;
  readonly corrupt: readonly StoreId[];
  readonly missing: readonly StoreId[];
}

/** Said behind what is wrong with the bytes. */
const WHOLE_NOWHERE = 'No store that can be asked has it whole.';

export class ScrubRemedy {
  readonly #context: ScrubContext;
  readonly #reader: StoreReader;
  readonly #mode: ScrubMode;
  /** What is in hand is whole on no store that can be asked, and a file needs it. */
  #isNowhere = false;

  constructor(context: ScrubContext, reader: StoreReader, mode: ScrubMode) {
    this.#context = context;
    this.#reader = reader;
    this.#mode = mode;
  }

  /** Undefined where it turns out to be no damage. Not for two callers at a time. Throws what the store throws. */
  async apply(key: ObjectKey, { state, reason: wrong }: BadSight): Promise<Finding | undefined> {
    this.#isNowhere = false;
    const ordered = state === 'unreadable' ? 'reported' : await this.#mend(key);
    if (ordered === undefined) return undefined;
    // A repair is ordered all the same, for the day on which a store is back that has it.
    const action = this.#isNowhere && this.#mode === 'look' ? 'reported' : ordered;
    const reason = this.#isNowhere ? `${wrong} ${WHOLE_NOWHERE}` : wrong;
    const { name: store, storeId } = this.#reader;
    this.#context.log.warn({ store, kind: key.kind, id: key.id, reason, action }, 'a scrub found a corrupt object');
    return { storeId, key, kind: 'corrupt', action, reason };
  }

  #mend(key: ObjectKey): Promise<Finding['action'] | undefined> {
    if (key.kind === 'chunk') return this.#mendChunk(key);
    if (key.kind === 'manifest') return this.#mendManifest({ kind: key.kind, id: key.id });
    return this.#isPrimary ? this.#mendOwnTombstone(key) : this.#mendTombstone(key.id);
  }

  get #isPrimary(): boolean {
    return this.#reader.storeId === this.#context.primaryId;
  }

  async #mendChunk(key: Extract<ObjectKey, { kind: 'chunk' }>): Promise<Finding['action'] | undefined> {
    const isNeeded = this.#context.catalog.garbage.isReferenced(key.id);
    const others = isNeeded ? await this.#lookElsewhere(key) : undefined;
    const mayGo = others === undefined || others.whole !== undefined;
    const removal = mayGo ? await this.#moveAway(key) : 'left';
    if (removal === 'healed') return undefined;
    // Only now are the files looked up: one that was uploaded meanwhile may count on the chunk that is gone.
    const owed = await this.#oweFilesOf(key.id, removal === 'moved' ? 'verify' : 'repair');
    if (others !== undefined && others.whole === undefined) await this.#noteDamage(key, others);
    return owed > 0 || removal === 'moved' ? 'owed' : 'reported';
  }

  async #mendManifest(key: Extract<DamagedObject, { kind: 'manifest' }>): Promise<Finding['action'] | undefined> {
    const { catalog } = this.#context;
    if (catalog.findFile(key.id) === undefined) return this.#mendStray(key.id);
    const others = await this.#lookElsewhere(key);
    this.#owe([key.id], others.whole === undefined ? 'repair' : 'verify');
    if (others.whole === undefined) await this.#noteDamage(key, others);
    return 'owed';
  }

  /** The manifest of a file that the catalog does not know. */
  #mendStray(fileId: FileId): Finding['action'] | undefined {
    const order = this.#orderOf(fileId);
    if (order?.want !== 'absent') return 'reported';
    // A delete that is on its way takes it.
    if (order.state !== 'done') return undefined;
    return this.#owe([fileId], 'delete') > 0 ? 'owed' : 'reported';
  }

  async #mendTombstone(fileId: FileId): Promise<Finding['action']> {
    return this.#owe([fileId], 'delete') > 0 ? 'owed' : 'reported';
  }

  /** Deletes are not owed to the primary, so it is mended on the spot; damaged, it is a tombstone all the same. */
  async #mendOwnTombstone(key: ObjectKey): Promise<Finding['action'] | undefined> {
    const { bytes } = await this.#lookElsewhere(key);
    if (bytes === undefined) {
      this.#isNowhere = true;
      return 'reported';
    }
    const removal = await this.#moveAway(key);
    if (removal === 'healed') return undefined;
    if (removal === 'left') return 'reported';
    if (this.#mode === 'repair') await this.#reader.put(key, bytes);
    return 'owed';
  }

  /** Stops at the first that has it whole. A store that cannot be asked is left out. */
  async #lookElsewhere(key: ObjectKey): Promise<OtherStores> {
    const corrupt: StoreId[] = [];
    const missing: StoreId[] = [];
    for (const reader of this.#context.readers.values()) {
      if (reader === this.#reader) continue;
      try {
        await reader.open();
        const sight = await reader.look(key);
        if (sight.state === 'whole') {
          const bytes = key.kind === 'tombstone' ? Buffer.from(sight.bytes) : undefined;
          return { whole: reader, bytes, corrupt, missing };
        }
        (sight.state === 'missing' ? missing : corrupt).push(reader.storeId);
      } catch (error) {
        this.#context.log.debug({ store: reader.name, err: error }, 'a store cannot be asked for a whole copy');
      }
    }
    return { whole: undefined, bytes: undefined, corrupt, missing };
  }

  async #moveAway(key: ObjectKey): Promise<Removal> {
    if (key.kind !== 'chunk' || !this.#isPrimary) return this.#moveIfBad(key);
    return this.#context.guard.collect([key.id], async ([unpinned]) =>
      unpinned === undefined ? 'left' : this.#moveIfBad(key),
    );
  }

  /** Looked at once more: since the last look an upload, or a repair, may have put it anew. */
  async #moveIfBad(key: ObjectKey): Promise<Removal> {
    const { state } = await this.#reader.look(key);
    if (state !== 'corrupt') return 'healed';
    if (this.#mode === 'look') return 'moved';
    try {
      await this.#reader.setAside(key);
      return 'moved';
    } catch (error) {
      if (!UNWRITABLE.includes(systemErrorCode(error) ?? '')) throw error;
      this.#context.log.warn({ store: this.#reader.name, err: error }, 'a corrupt object cannot be set aside');
      return 'left';
    }
  }

  async #oweFilesOf(chunkId: ChunkId, operation: 'verify' | 'repair', storeId?: StoreId): Promise<number> {
    let owed = 0;
    for await (const fileIds of this.#filesOf(chunkId)) owed += this.#owe(fileIds, operation, storeId);
    return owed;
  }

  async *#filesOf(chunkId: ChunkId): AsyncGenerator<FileId[]> {
    for (let after: FileId | undefined; ;) {
      const page = this.#context.catalog.filesOfChunk(chunkId, { after, limit: FILES_PER_PAGE });
      yield page;
      if (page.length < FILES_PER_PAGE) return;
      after = page.at(-1);
      await nextTurn();
    }
  }

  #owe(
    fileIds: readonly FileId[],
    operation: 'verify' | 'repair' | 'delete',
    storeId: StoreId = this.#reader.storeId,
  ): number {
    if (fileIds.length === 0) return 0;
    if (this.#mode === 'repair') return this.#context.replication.oweAnew({ fileIds, storeId, operation });
    return fileIds.filter((fileId) => operation !== 'delete' || this.#orderOf(fileId)?.want === 'absent').length;
  }

  /** What was ordered of the file on this store. */
  #orderOf(fileId: FileId): Obligation | undefined {
    return this.#context.catalog.obligations.of(fileId).find(({ storeId }) => storeId === this.#reader.storeId);
  }

  /** The other stores that should have it are owed it too: whichever gets it whole again, the others get it from there. */
  async #noteDamage(key: DamagedObject, { corrupt, missing }: OtherStores): Promise<void> {
    this.#isNowhere = true;
    if (this.#mode === 'look') return;
    const { catalog, clock, log, readers } = this.#context;
    const operations = [
      ...corrupt.map((storeId) => ({ storeId, operation: 'repair' as const })),
      ...missing.map((storeId) => ({ storeId, operation: 'verify' as const })),
    ];
    for (const { storeId, operation } of operations) {
      if (key.kind === 'chunk') await this.#oweFilesOf(key.id, operation, storeId);
      else this.#owe([key.id], operation, storeId);
    }
    const storeIds = [this.#reader.storeId, ...corrupt, ...missing];
    if (!catalog.damage.note(key, storeIds, clock.now())) return;
    const stores = storeIds.map((storeId) => readers.get(storeId)!.name);
    for (const { fileId, fileName, object } of catalog.damage.files(MAX_NAMED_FILES)) {
      if (object.kind !== key.kind || object.id !== key.id) continue;
      const file = { file_id: fileId, file_name: fileName, kind: key.kind, id: key.id, stores };
      log.error(file, 'a file is damaged: no store that can be asked has this of it whole');
    }
  }
}

/** Logged at once. */
const MAX_NAMED_FILES = 1_000;
