/**
 * The scrub of one store over time: pass after pass, each kept across restarts. What is written down is written seldom,
 * because what is lost is only read again.
 */
import type { ScrubRecord } from '#libs/catalog';
import { StoreError, systemErrorCode } from '#libs/kernel';
import type { StoreId } from '#libs/kernel';
import type { PassProgress } from './pass.js';
import { ScrubPass } from './scrub-pass.js';
import type { ScrubContext } from './scrub-remedy.js';

/** A store that is read in less is left alone until then: a small one would be read from the page cache all day. */
const PASS_INTERVAL_MS = 24 * 60 * 60 * 1000;
const SAVE_INTERVAL_MS = 60_000;
/** An object costs a seek however small it is. */
const LEAST_CHARGE_BYTES = 64 * 1024;

interface ScrubError {
  readonly code: string;
  readonly message: string;
  readonly atMs: number;
}

/** How the scrub of a store stands. */
export interface ScrubView {
  readonly storeId: StoreId;
  readonly name: string;
  /** `waiting`: for the store, where there is an error; for the time of the next pass, where there is none. */
  readonly state: 'running' | 'waiting' | 'off';
  /** Of the pass under way, or, between two, of the last one; as are the next three. Undefined before the first. */
  readonly passStartedAtMs: number | undefined;
  readonly objects: number;
  readonly bytes: number;
  readonly corrupt: number;
  readonly lastCompletedAtMs: number | undefined;
  /** Undefined while a pass is under way. */
  readonly nextPassAtMs: number | undefined;
  /** Why the pass cannot go on; undefined while it does. */
  readonly error: ScrubError | undefined;
}

export class StoreScrub {
  readonly storeId: StoreId;
  readonly name: string;
  readonly #context: ScrubContext;
  #pass: ScrubPass | undefined;
  /** As it was when this process began, or when the pass did. */
  #record: ScrubRecord | undefined;
  #savedAtMs = Number.NEGATIVE_INFINITY;
  #error: ScrubError | undefined;

  constructor(context: ScrubContext, storeId: StoreId) {
    this.#context = context;
    this.storeId = storeId;
    this.name = context.readers.get(storeId)!.name;
    this.#record = context.catalog.scrubs.find(storeId);
  }

  /** Whether a pass is under way or may begin. */
  isDue(nowMs: number): boolean {
    if (this.#record === undefined || this.#record.endedAtMs === undefined) return true;
    // A clock that was put back does not put the next pass off for ever.
    return Math.abs(nowMs - this.#record.startedAtMs) >= PASS_INTERVAL_MS;
  }

  /**
   * One step of the pass, or the first of a new one; answers with what it cost, in bytes. Throws what the store throws:
   * the pass waits where it is, and the next step goes on there.
   */
  async step(): Promise<number> {
    const pass = (this.#pass ??= this.#begin());
    const { objects, bytes } = pass.progress;
    try {
      const outcome = await pass.step();
      this.#error = undefined;
      if (outcome === 'done') this.#end();
    } catch (error) {
      this.#error ??= { ...described(error), atMs: this.#context.clock.now() };
      throw error;
    }
    if (Math.abs(this.#context.clock.now() - this.#savedAtMs) >= SAVE_INTERVAL_MS) this.save();
    const { progress } = pass;
    return Math.max(progress.bytes - bytes, (progress.objects - objects) * LEAST_CHARGE_BYTES);
  }

  /** All of the store was read by somebody else: that is a pass. */
  readThrough({ startedAtMs, progress }: { readonly startedAtMs: number; readonly progress: PassProgress }): void {
    this.#pass = undefined;
    this.#error = undefined;
    const { objects, bytes, found } = progress;
    const counts = { objects, bytes, corrupt: found.corrupt ?? 0 };
    const { storeId } = this;
    this.#record = { ...beginning(storeId, startedAtMs), ...counts, lastCompletedAtMs: undefined };
    this.#end();
  }

  /** Writes down how far the pass has come. Never throws: what is not written down is read again by the next process. */
  save(): void {
    const record = this.#now();
    if (record === undefined) return;
    const { catalog, clock, log } = this.#context;
    this.#savedAtMs = clock.now();
    try {
      catalog.scrubs.save(record);
    } catch (error) {
      log.warn({ store: this.name, err: error }, 'how far the scrub has come cannot be written down');
    }
  }

  view(): ScrubView {
    const { storeId, name } = this;
    const record = this.#now();
    const isBetween = record?.endedAtMs !== undefined;
    return {
      storeId,
      name,
      state: this.#pass === undefined || this.#error !== undefined ? 'waiting' : 'running',
      passStartedAtMs: record?.startedAtMs,
      objects: record?.objects ?? 0,
      bytes: record?.bytes ?? 0,
      corrupt: record?.corrupt ?? 0,
      lastCompletedAtMs: record?.lastCompletedAtMs,
      nextPassAtMs: isBetween ? record.startedAtMs + PASS_INTERVAL_MS : undefined,
      error: this.#error,
    };
  }

  #begin(): ScrubPass {
    const { storeId } = this;
    const unfinished = this.#record?.endedAtMs === undefined ? this.#record : undefined;
    const lastCompletedAtMs = this.#record?.lastCompletedAtMs;
    this.#record = unfinished ?? { ...beginning(storeId, this.#context.clock.now()), lastCompletedAtMs };
    const { kind, lastKey } = this.#record;
    return new ScrubPass(this.#context, { storeId, position: { kind, lastKey } });
  }

  #end(): void {
    const endedAtMs = this.#context.clock.now();
    this.#record = { ...this.#now()!, endedAtMs, lastCompletedAtMs: endedAtMs };
    this.#pass = undefined;
    this.#context.catalog.damage.prune();
    this.save();
  }

  #now(): ScrubRecord | undefined {
    if (this.#record === undefined || this.#pass === undefined) return this.#record;
    const { objects, bytes, found } = this.#pass.progress;
    const { objects: objectsBefore, bytes: bytesBefore, corrupt: corruptBefore } = this.#record;
    return {
      ...this.#record,
      ...this.#pass.position,
      objects: objectsBefore + objects,
      bytes: bytesBefore + bytes,
      corrupt: corruptBefore + (found.corrupt ?? 0),
    };
  }
}

function beginning(storeId: StoreId, startedAtMs: number): ScrubRecord {
  const nothing = { objects: 0, bytes: 0, corrupt: 0 };
  const start = {
    kind: 'chunk',
    lastKey: '',
    startedAtMs,
    endedAtMs: undefined,
    lastCompletedAtMs: undefined,
  } as const;
  return { storeId, ...start, ...nothing };
}

export function described(error: unknown): { readonly code: string; readonly message: string } {
  const code = StoreError.is(error) ? error.code : (systemErrorCode(error) ?? 'internal');
  return { code, message: error instanceof Error ? error.message : String(error) };
}
