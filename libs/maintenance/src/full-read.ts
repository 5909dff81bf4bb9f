/** Stores that are read from one end to the other now, because somebody asked for it, and what he is told. */
import type { Clock, StoreId } from '#libs/kernel';
import { Courtesy } from './give-way.js';
import type { Pass, PassProgress } from './pass.js';
import { described } from './store-scrub.js';

/** One store; whoever asks for it while it is under way joins it. */
export class FullRead {
  readonly storeId: StoreId;
  readonly name: string;
  readonly startedAtMs: number;
  readonly finished: Promise<void>;
  readonly #pass: Pass;
  readonly #finish: () => void;
  readonly #courtesy = new Courtesy();
  #state: 'running' | 'done' | 'failed' = 'running';
  #error: { readonly code: string; readonly message: string } | undefined;

  constructor(pass: Pass, { name, clock }: { readonly name: string; readonly clock: Clock }) {
    this.#pass = pass;
    this.storeId = pass.storeId;
    this.name = name;
    this.startedAtMs = clock.now();
    const { promise, resolve } = Promise.withResolvers<void>();
    this.finished = promise;
    this.#finish = resolve;
  }

  get state(): 'running' | 'done' | 'failed' {
    return this.#state;
  }

  get progress(): PassProgress {
    return this.#pass.progress;
  }

  /** Why it ended before the end of the store. */
  get error(): { readonly code: string; readonly message: string } | undefined {
    return this.#error;
  }

  /** Never throws: a store that fails ends it. */
  async step(): Promise<void> {
    try {
      if ((await this.#pass.step()) === 'busy') return await this.#courtesy.giveWay();
      this.#state = 'done';
      this.#finish();
    } catch (error) {
      this.fail(error);
    }
  }

  fail(error: unknown): void {
    this.#state = 'failed';
    this.#error = described(error);
    this.#finish();
  }
}

/** What one caller asked for. */
export class ScrubRun {
  readonly reads: readonly FullRead[];
  readonly finished: Promise<void>;

  constructor(reads: readonly FullRead[]) {
    this.reads = reads;
    this.finished = Promise.all(reads.map(({ finished }) => finished)).then(() => undefined);
  }

  /** Stores. */
  get total(): number {
    return this.reads.length;
  }

  progress(): { readonly done: number; readonly failed: number } {
    const countOf = (state: FullRead['state']): number => this.reads.filter((read) => read.state === state).length;
    return { done: countOf('done'), failed: countOf('failed') };
  }
}
