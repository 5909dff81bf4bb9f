/**
 * Runs anti-entropy once a day while the server serves: one store after another, in steps with a pause between, so that
 * requests come first. A pass that a stop cuts off begins anew after the next start; what it found is owed by then.
 */
import type { StoreId } from '#libs/kernel';
import type { Log } from '#libs/telemetry';
import type { Pass } from './pass.js';

/** The rush behind a start, and what it owes, come first. */
const FIRST_ROUND_DELAY_MS = 10 * 60_000;
const ROUND_INTERVAL_MS = 24 * 60 * 60_000;
const PAUSE_BETWEEN_STEPS_MS = 50;

export interface AntiEntropyTimerOptions {
  readonly storeIds: readonly StoreId[];
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

  constructor(options: AntiEntropyTimerOptions) {
    this.#options = options;
  }

  start(): void {
    this.#schedule(FIRST_ROUND_DELAY_MS);
  }

  /** Resolves when the step under way has ended; no other follows. */
  async stop(): Promise<void> {
    this.#stopped = true;
    clearTimeout(this.#timer);
    this.#wakeUp();
    await this.#running;
  }

  #schedule(delayMs: number): void {
    if (this.#stopped) return;
    this.#timer = setTimeout(() => {
      this.#running = this.#round().finally(() => this.#schedule(ROUND_INTERVAL_MS));
    }, delayMs);
    this.#timer.unref();
  }

  async #round(): Promise<void> {
    for (const storeId of this.#options.storeIds) {
      if (!this.#mayGoOn) return;
      await this.#compare(storeId);
    }
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
