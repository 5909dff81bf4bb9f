/**
 * Has everything on one store read against its SHA-256, by owing a repair of every file: whoever does jobs then reads the
 * file there, sets aside what is bad and puts it anew. Tombstones are not among it; a deep census reads those.
 */
import type { Catalog } from '#libs/catalog';
import type { Clock, FileId, StoreId } from '#libs/kernel';
import type { Log } from '#libs/telemetry';
import type { Pass, PassProgress } from './pass.js';

const FILES_PER_STEP = 500;
/** SQLite's log grows with every row, and between two checkpoints nothing else would empty it. */
const STEPS_PER_CHECKPOINT = 32;

export interface ReReadOptions {
  readonly storeId: StoreId;
  readonly catalog: Catalog;
  readonly clock: Clock;
  readonly log: Log;
  /** Something is owed. */
  readonly notice: () => void;
}

export class ReReadPass implements Pass {
  readonly storeId: StoreId;
  readonly #options: ReReadOptions;
  #after: FileId | undefined;
  #steps = 0;

  constructor(options: ReReadOptions) {
    this.#options = options;
    this.storeId = options.storeId;
  }

  /** What is bad is known only when the jobs have been done. */
  get progress(): PassProgress {
    return { objects: 0, bytes: 0, found: {}, findings: [] };
  }

  async step(): Promise<'busy' | 'done'> {
    const { catalog, clock, notice, storeId } = this.#options;
    const page = {
      storeId,
      operation: 'repair',
      after: this.#after,
      limit: FILES_PER_STEP,
      nowMs: clock.now(),
    } as const;
    this.#after = catalog.obligations.oweEvery(page);
    this.#steps += 1;
    if (this.#steps % STEPS_PER_CHECKPOINT === 0) this.#keepCatalogSmall();
    notice();
    return this.#after === undefined ? 'done' : 'busy';
  }

  #keepCatalogSmall(): void {
    const { catalog, log } = this.#options;
    try {
      catalog.makeDurable();
    } catch (error) {
      log.debug({ err: error }, 'the catalog could not be made durable; the next checkpoint will');
    }
  }
}
