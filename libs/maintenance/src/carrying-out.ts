/**
 * What a repair has carried out, and what of it is owed still. Each store has a time up to which its orders had their turn:
 * the beginning of the last carrying out, or, where nothing was carried out, of the repair. What was ordered later is in
 * motion; what was ordered before and is owed still is left, whether it was tried and failed or could not be tried.
 */
import type { Obligation, Obligations, OldOrders } from '#libs/catalog';
import type { Clock, FileId, StoreId } from '#libs/kernel';
import type { LeftOver } from './repair-report.js';

/** Carries out what is owed to one store. */
export interface CarriedOut {
  readonly total: number;
  progress(): { readonly done: number };
  /** Resolves when that is done, has been tried and failed, or cannot be waited for. */
  readonly finished: Promise<void>;
  /** Why what is left was not tried. */
  failureOf(storeId: StoreId): Failure | undefined;
  /** Nothing is carried out, to no store at all. */
  readonly standstill: Failure | undefined;
}

interface Failure {
  readonly code: string;
  readonly message: string;
}

export interface CarryingOutParts {
  readonly obligations: Pick<Obligations, 'of' | 'countStill' | 'still'>;
  readonly clock: Clock;
  readonly carryOut: (storeIds: readonly StoreId[]) => CarriedOut;
}

const NOT_TRIED = 'it was not tried';

export class CarryingOut {
  readonly #parts: CarryingOutParts;
  readonly #untilMs = new Map<StoreId, number>();
  readonly #failures = new Map<StoreId, string>();
  #filesDone = 0;
  #standstill: Failure | undefined;

  constructor(parts: CarryingOutParts) {
    this.#parts = parts;
  }

  /** The repair begins. */
  begin(storeIds: readonly StoreId[]): void {
    for (const storeId of storeIds) this.#untilMs.set(storeId, this.#parts.clock.now());
  }

  /** Files that were copied, verified, read or deleted. */
  get filesDone(): number {
    return this.#filesDone;
  }

  /** To go on would be to wait for nothing: nothing more is carried out then. */
  get standsStill(): boolean {
    return this.#standstill !== undefined;
  }

  /** `begun` is told how to ask how far it is, 0 to 1. */
  async carryOut(storeId: StoreId, begun: (share: () => number) => void): Promise<void> {
    const { carryOut, clock } = this.#parts;
    this.#untilMs.set(storeId, clock.now());
    if (this.#standstill !== undefined) {
      this.#failures.set(storeId, textOf(this.#standstill));
      return;
    }
    const work = carryOut([storeId]);
    begun(() => (work.total === 0 ? 1 : work.progress().done / work.total));
    await work.finished;
    this.#filesDone += work.progress().done;
    const failure = work.failureOf(storeId);
    if (failure === undefined) this.#failures.delete(storeId);
    else this.#failures.set(storeId, textOf(failure));
    this.#standstill = work.standstill;
  }

  /** Whether this order of that store had its turn. */
  isOld({ storeId, sinceMs }: Pick<Obligation, 'storeId' | 'sinceMs'>): boolean {
    const { untilMs, nowMs } = this.#oldOrdersOf(storeId);
    return sinceMs <= untilMs || sinceMs > nowMs;
  }

  countLeft(storeId: StoreId): number {
    return this.#parts.obligations.countStill(this.#oldOrdersOf(storeId));
  }

  /** The first of what is left. */
  leftOvers(storeId: StoreId, limit: number): LeftOver[] {
    return this.#parts.obligations
      .still({ ...this.#oldOrdersOf(storeId), limit })
      .map(({ fileId, operation, error }) => ({ storeId, fileId, operation, error: error ?? NOT_TRIED }));
  }

  /** Why there is something left that was not tried. */
  failureOf(storeId: StoreId): string | undefined {
    return this.#failures.get(storeId);
  }

  /** Whether something is left that was tried: another attempt may take it from another replica. */
  isAnyTried(storeId: StoreId): boolean {
    return this.#parts.obligations
      .still({ ...this.#oldOrdersOf(storeId), limit: 1 })
      .some(({ attempts }) => attempts > 0);
  }

  /** Whether none of these files is owed to the store. */
  isDone(storeId: StoreId, fileIds: readonly FileId[]): boolean {
    return fileIds.every((fileId) => {
      const row = this.#parts.obligations.of(fileId).find((order) => order.storeId === storeId);
      return row === undefined || row.state === 'done' || row.state === 'expiring';
    });
  }

  #oldOrdersOf(storeId: StoreId): OldOrders {
    const nowMs = this.#parts.clock.now();
    return { storeId, untilMs: this.#untilMs.get(storeId) ?? nowMs, nowMs };
  }
}

function textOf({ code, message }: Failure): string {
  return `${code}: ${message}`;
}
