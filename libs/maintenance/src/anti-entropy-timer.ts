/**
 * Runs anti-entropy once a day while the server serves: one store after another, in steps with a pause between, so that
 * requests come first. A pass that a stop cuts off begins anew after the next start; what it found is owed by then.
 *
 * Where the collection of garbage waits until every store was looked at, the first round comes soon, and the stores that it
 * still waits for, because they were away or have manifests that nobody knows, are looked at again and again until it is over.
 */
import type { StoreId } from '#libs/kernel';
import type { Log } from '#libs/telemetry';
import type { Pass } from './pass.js';

/** The rush behind a start, and what it owes, come first. */
const FIRST_ROUND_DELAY_MS = 10 * 60_000;
const ROUND_INTERVAL_MS = 24 * 60 * 60_000;
/** Space comes back the later for it, and nothing else waits. */
const AWAITED_ROUND_DELAY_MS = 10_000;
/** A look lists all of a store, which takes minutes where there is much. */
const AWAITED_INTERVAL_MS = 30 * 60_000;
const PAUSE_BETWEEN_STEPS_MS = 50;

export interface AntiEntropyTimerOptions {
  readonly storeIds: readonly StoreId[];
  /** Those of them that the collection waits for. */
  readonly awaited: () => readonly StoreId[];
  readonly passOf: (storeId: StoreId) => Pass & { end(): Promise<void> };
  /** While the outcome of writes is unknown nothing is judged: asked before each step, and a pass under way is given up. */
  readonly isHeld: () => boolean;
  readonly log: Log;
}

export class AntiEntropyTimer {
  readonly #options: AntiEntropyTimerOptions;
  #timer: NodeJS.Timeout | undefined;
  #running: Promise<void> | undefined;
  #wakeUp: () => void = () => undefined;
  #stopped = false;
  /** From the next look at awaited stores on. */
  #untilRoundMs = 0;

  constructor(options: AntiEntropyTimerOptions) {
    this.#options = options;
  }

  start(): void {
    this.#schedule(this.#options.awaited().length > 0 ? AWAITED_ROUND_DELAY_MS : FIRST_ROUND_DELAY_MS);
  }

  /** Resolves when the step under way has ended; no other follows. */
  async stop(): Promise<void> {
    this.#stopped = true;
    clearTimeout(this.#timer);
    this.#wakeUp();
    await this.#running;
  }

  #schedule(delayMs: number): void {
    this.#timer = setTimeout(() => {
      this.#running = this.#look().finally(() => this.#scheduleNext());
    }, delayMs);
    this.#timer.unref();
  }

  async #look(): Promise<void> {
    const { storeIds, awaited } = this.#options;
    const isRound = this.#untilRoundMs === 0;
    if (isRound) this.#untilRoundMs = ROUND_INTERVAL_MS;
    for (const storeId of isRound ? storeIds : awaited()) {
      if (!this.#mayGoOn) return;
      await this.#compare(storeId);
    }
  }

  #scheduleNext(): void {
    if (this.#stopped) return;
    const isAwaiting = this.#options.awaited().length > 0;
    const delayMs = isAwaiting ? Math.min(AWAITED_INTERVAL_MS, this.#untilRoundMs) : this.#untilRoundMs;
    this.#untilRoundMs -= delayMs;
    this.#schedule(delayMs);
  }

  get #mayGoOn(): boolean {
    return !this.#stopped && !this.#options.isHeld();
  }

  async #compare(storeId: StoreId): Promise<void> {
    const { passOf, log } = this.#options;
    const pass = passOf(storeId);
    try {
      while (this.#mayGoOn && (await pass.step()) === 'busy') await this.#pause();
    } catch (error) {
      log.warn(
        { store_id: storeId, err: error },
        'a store could not be compared with what it must hold; nothing is judged',
      );
    } finally {
      await pass.end();
    }
    const { objects, found, findings } = pass.progress;
    const reported = findings.find(({ action }) => action === 'reported');
    if (Object.keys(found).length === 0) return;
    const first =
      reported === undefined ? {} : { reported: `${reported.key.kind} ${reported.key.id}: ${reported.reason}` };
    log.warn({ store_id: storeId, objects, ...found, ...first }, 'a store does not hold what it must');
  }

  #pause(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#wakeUp = resolve;
    setTimeout(resolve, PAUSE_BETWEEN_STEPS_MS).unref();
    return promise;
  }
}
