/**
 * The checkpoint: makes what apply wrote durable, then lets the log forget it. The order closes four ways of losing data
 * and is not to be changed:
 *
 *   1. C = applied LSN
 *   2. contents and directories of what apply wrote are flushed   (else: the log forgets a manifest no disk has)
 *   3. the catalog is durable at C or later                       (else: the log starts above the catalog's applied LSN)
 *   4. the record `checkpoint C` is committed                     (else: a replay would not know where to start)
 *   5. segments wholly at or below C go, oldest first             (else: a gap in the middle of the log)
 *
 * On any failure nothing goes. A failed flush of the primary or sync of the catalog is final for this process: what the disk
 * has is unknown, a second fsync would say yes and mean nothing, and the log, which still has every record, repairs it at
 * the next boot. A sync of the primary's file system that failed for somebody else is a failed flush: Linux tells an error
 * once, and it may have been that of a manifest.
 */
import type { Catalog } from '#libs/catalog';
import type { PrimaryStore } from '#libs/stores';
import type { Log } from '#libs/telemetry';
import type { WriteAheadLog } from '#libs/wal';
import type { Applier } from './applier.js';

export interface CheckpointerOptions {
  readonly wal: WriteAheadLog;
  readonly applier: Applier;
  readonly primary: PrimaryStore;
  readonly catalog: Catalog;
  /** Tells the next boot not to use this catalog. */
  readonly doubtCatalog: () => Promise<void>;
  readonly log: Log;
  readonly intervalMs: number;
}

export class Checkpointer {
  readonly #options: CheckpointerOptions;
  #timer: NodeJS.Timeout | undefined;
  #running: Promise<void> | undefined;
  #failure: Error | undefined;

  constructor(options: CheckpointerOptions) {
    this.#options = options;
  }

  /** Why no checkpoint is taken any more, or undefined. */
  get failure(): Error | undefined {
    return this.#failure;
  }

  /** Takes a checkpoint every interval while there is something to write down. */
  start(): void {
    this.#timer = setInterval(() => this.request(), this.#options.intervalMs);
    this.#timer.unref();
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  /** Asks for a checkpoint soon. A failure is logged; one that is final is kept in `failure`. */
  request(): void {
    void this.run().catch(() => undefined);
  }

  /** Takes a checkpoint now, or joins the one under way; resolves when it is durable. Does nothing where nothing changed. */
  run(): Promise<void> {
    this.#running ??= this.#take().finally(() => {
      this.#running = undefined;
    });
    return this.#running;
  }

  /** Somebody else was told, or may have been told, that the primary's file system lost a write. Never rejects. */
  async doubtPrimary(error: unknown): Promise<void> {
    if (this.#failure === undefined) {
      this.#endCheckpoints(
        error,
        'a write to the disk of the primary was lost; the log keeps everything until a restart',
      );
    }
    await this.#options.primary.applied.raiseDoubt();
  }

  async #take(): Promise<void> {
    const { wal, applier, catalog, log } = this.#options;
    this.#refuseAfterFailure();
    const checkpointLsn = applier.appliedLsn;
    const isNeeded = applier.lastChangeLsn > wal.checkpointLsn;
    if (isNeeded) await this.#flush();
    // Whoever was told instead of this flush may have said so while it ran.
    this.#refuseAfterFailure();
    try {
      if (!isNeeded) {
        // Without a record: what replication confirms would stay in SQLite's log, which grows until it is moved.
        if (catalog.hasUnsyncedChanges) await this.#makeCatalogDurable();
        await wal.removeSegments();
        return;
      }
      await this.#makeCatalogDurable();
      await wal.checkpoint(checkpointLsn);
    } catch (error) {
      if (this.#failure === undefined)
        log.error({ err: error }, 'checkpoint failed; the log keeps everything and the next one tries again');
      throw error;
    }
    log.debug({ checkpoint_lsn: checkpointLsn }, 'checkpoint');
  }

  #refuseAfterFailure(): void {
    if (this.#failure !== undefined) throw this.#failure;
  }

  async #flush(): Promise<void> {
    try {
      await this.#options.primary.applied.flush();
    } catch (error) {
      this.#endCheckpoints(error, 'the primary could not be flushed; the log keeps everything until a restart');
      throw error;
    }
  }

  async #makeCatalogDurable(): Promise<void> {
    const { catalog, doubtCatalog, log } = this.#options;
    try {
      catalog.makeDurable();
    } catch (error) {
      if (catalog.inDoubt) {
        this.#endCheckpoints(
          error,
          'the catalog could not be synced; the log keeps everything, a restart builds it anew',
        );
        await doubtCatalog().catch((cause: unknown) =>
          log.error({ err: cause }, 'delete the catalog before the next start: it cannot be marked as unusable'),
        );
      }
      throw error;
    }
  }

  #endCheckpoints(error: unknown, message: string): void {
    this.#failure = error instanceof Error ? error : new Error(String(error));
    this.#options.log.error({ err: error }, message);
  }
}
