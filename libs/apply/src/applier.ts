/**
 * Applies committed records strictly by LSN, behind the log: batch n is applied while batch n + 1 syncs. A committed
 * record that cannot be applied (a full disk, EIO) halts it: nothing behind that record is applied, writers are told at
 * once, and the same batch is tried again until it succeeds, because a committed record is never given up.
 */
import { backoffDelayMs, lsn, recordTypeOf, StoreError } from '#libs/kernel';
import type { Clock, Frame, Lsn } from '#libs/kernel';
import type { Log } from '#libs/telemetry';
import { batchOf, commitToCatalog, writeToPrimary } from './apply-batch.js';
import type { ApplyTarget, Batch } from './apply-batch.js';

/** Of one catalog transaction of a replay, when nobody waits: the more the cheaper, up to the memory of a few batches. */
const MAX_REPLAY_BATCH_RECORDS = 2048;
const MAX_REPLAY_BATCH_BYTES = 8 * 1024 * 1024;
/** Live: while the catalog takes so many the primary is given the next, and their callers go on before the rest of a large commit. */
const MAX_LIVE_BATCH_RECORDS = 16;
const RETRY = { baseMs: 100, maxMs: 5_000 };

interface Waiter {
  readonly lsn: Lsn;
  readonly resolve: () => void;
  readonly reject: (error: StoreError) => void;
}

export interface ApplierOptions {
  readonly target: ApplyTarget;
  readonly clock: Clock;
  readonly log: Log;
  /** Everything up to here is in the target already. */
  readonly appliedLsn: Lsn;
}

export class Applier {
  readonly #target: ApplyTarget;
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #queue: Frame[] = [];
  /** By ascending LSN, as callers arrive in commit order. */
  #waiters: Waiter[] = [];
  #appliedLsn: Lsn;
  #lastChangeLsn: Lsn;
  #haltedBy: unknown;
  #running: Promise<void> | undefined;
  #stopped = false;

  constructor({ target, clock, log, appliedLsn }: ApplierOptions) {
    this.#target = target;
    this.#clock = clock;
    this.#log = log;
    this.#appliedLsn = appliedLsn;
    this.#lastChangeLsn = appliedLsn;
  }

  get appliedLsn(): Lsn {
    return this.#appliedLsn;
  }

  /** Last applied LSN that changed something worth a checkpoint. */
  get lastChangeLsn(): Lsn {
    return this.#lastChangeLsn;
  }

  get halted(): boolean {
    return this.#haltedBy !== undefined;
  }

  /** Takes over a committed batch; called in LSN order. */
  enqueue(frames: readonly Frame[]): void {
    this.#queue.push(...frames);
    this.#running ??= this.#run();
  }

  /**
   * Applies frames of the log at boot, in order; throws what the store or the catalog throws. While the primary takes one
   * batch, the catalog is given the one before and the next is read and decoded.
   */
  async replay(frames: AsyncIterable<Frame> | Iterable<Frame>): Promise<void> {
    let written: Promise<Batch | undefined> = Promise.resolve(undefined);
    try {
      for await (const next of inBatches(frames)) {
        const batch = batchOf(next);
        const before = await written;
        written = writeToPrimary(this.#target, batch, 'replay');
        // Met in a later turn; until then a failure is not an unhandled one.
        written.catch(() => undefined);
        this.#commit(before);
      }
      this.#commit(await written);
    } finally {
      // Nothing is written behind a replay that has failed.
      await written.catch(() => undefined);
    }
  }

  /** Resolves when `until` is applied. Throws `outcome_unknown` when apply halts before it: the record itself is durable. */
  async applied(until: Lsn): Promise<void> {
    if (until <= this.#appliedLsn) return;
    if (this.halted) throw this.#committedButUnapplied(until);
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.#waiters.push({ lsn: until, resolve, reject });
    await promise;
  }

  /** Resolves when everything queued is applied, or as soon as apply is halted. */
  async drain(): Promise<void> {
    const last = this.#queue.at(-1);
    if (last !== undefined) await this.applied(last.lsn).catch(() => undefined);
  }

  /** No retry after this one; what is queued stays in the log for the next boot. */
  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#running;
  }

  async #run(): Promise<void> {
    // The commit point's own callers come first; they then wait in `applied`.
    await Promise.resolve();
    let ahead: Promise<Batch> | undefined;
    for (let failures = 0; this.#queue.length > 0 && !this.#stopped;) {
      try {
        const batch = await (ahead ?? this.#write(0));
        const count = batch.frames.length;
        ahead = this.#queue.length > count ? this.#write(count) : undefined;
        // Met where it is awaited; until then a failure is not an unhandled one.
        ahead?.catch(() => undefined);
        this.#commit(batch);
        this.#queue.splice(0, count);
        if (failures > 0) this.#log.info({ applied_lsn: this.#appliedLsn }, 'apply goes on');
        failures = 0;
        this.#haltedBy = undefined;
      } catch (error) {
        this.#halt(error);
        // What was written ahead of the failed batch must not end behind that one's next attempt.
        await ahead?.catch(() => undefined);
        ahead = undefined;
        await delay(backoffDelayMs(failures, RETRY, Math.random()));
        failures += 1;
      }
    }
    // After a stop nothing is written any more.
    await ahead?.catch(() => undefined);
    this.#running = undefined;
  }

  /** Gives the primary the next batch, `from` records behind what is applied. */
  async #write(from: number): Promise<Batch> {
    const batch = batchOf(this.#queue.slice(from, from + MAX_LIVE_BATCH_RECORDS));
    return writeToPrimary(this.#target, batch, 'live');
  }

  #commit(batch: Batch | undefined): void {
    if (batch === undefined) return;
    commitToCatalog(this.#target, batch, this.#clock.now());
    const { frames } = batch;
    const last = frames.at(-1)!;
    const lastChange = frames.findLast(isChange);
    if (lastChange !== undefined) this.#lastChangeLsn = lastChange.lsn;
    this.#appliedLsn = lsn(last.lsn);
    const ready = this.#waiters.filter((waiter) => waiter.lsn <= this.#appliedLsn);
    if (ready.length === 0) return;
    this.#waiters = this.#waiters.filter((waiter) => waiter.lsn > this.#appliedLsn);
    for (const { resolve } of ready) resolve();
  }

  #halt(error: unknown): void {
    if (!this.halted) this.#log.error({ err: error, applied_lsn: this.#appliedLsn }, 'apply halted; it will try again');
    this.#haltedBy = error;
    for (const { reject, lsn: waited } of this.#waiters.splice(0)) reject(this.#committedButUnapplied(waited));
  }

  #committedButUnapplied(until: Lsn): StoreError {
    const why = this.#haltedBy instanceof Error ? this.#haltedBy.message : 'apply is halted';
    return new StoreError('outcome_unknown', `The write is in the log but cannot be applied now (${why}).`, {
      context: { lsn: until, retry_after_seconds: 5 },
      cause: this.#haltedBy,
    });
  }
}

async function* inBatches(frames: AsyncIterable<Frame> | Iterable<Frame>): AsyncGenerator<readonly Frame[]> {
  let batch: Frame[] = [];
  let bytes = 0;
  for await (const frame of frames) {
    batch.push(frame);
    bytes += frame.lengthBytes;
    if (batch.length < MAX_REPLAY_BATCH_RECORDS && bytes < MAX_REPLAY_BATCH_BYTES) continue;
    yield batch;
    batch = [];
    bytes = 0;
  }
  if (batch.length > 0) yield batch;
}

function isChange(frame: Frame): boolean {
  return recordTypeOf(frame) !== 'checkpoint';
}

function delay(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
