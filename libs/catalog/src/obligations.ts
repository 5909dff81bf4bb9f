/**
 * What is owed to the stores: one row per file and store, "this file must (not) be there". A row stays after it was
 * confirmed, because its generation counts the orders given for as long as an answer to one of them may be under way: an
 * answer closes a row only where store, generation and want agree. Everything here is bounded by a page, so that it does
 * not matter how much is owed.
 */
import type { FileId, StoreId } from '#libs/kernel';
import type Database from 'better-sqlite3';
import { FillStatements } from './fill-statements.js';
import type { FillOutcome, FillPage } from './fill-statements.js';
import { prepareObligationStatements } from './obligation-statements.js';

export type Want = 'present' | 'absent';
export type ObligationOperation = 'copy' | 'delete' | 'verify' | 'repair';

export interface Obligation {
  readonly storeId: StoreId;
  readonly want: Want;
  /**
   * `failed`: tried so often that it is tried again only at long intervals; it is still owed. `expiring`: the delete was
   * confirmed long ago, and its tombstones are being removed everywhere (`ExpiringDeletes`).
   */
  readonly state: 'pending' | 'done' | 'failed' | 'expiring';
  /** Counts the orders given for this file and store. */
  readonly generation: number;
  readonly operation: ObligationOperation;
  /** When the order was given. */
  readonly sinceMs: number;
  /** Since then. */
  readonly attempts: number;
  readonly lastError: string | undefined;
}

export interface DueObligation {
  readonly fileId: FileId;
  readonly operation: ObligationOperation;
  readonly generation: number;
  readonly attempts: number;
  readonly sizeBytes: number;
}

export interface DueQuery {
  readonly storeId: StoreId;
  readonly nowMs: number;
  readonly limit: number;
  /** Left out of the page; the caller has them in hand. */
  readonly except: Pick<ReadonlySet<FileId>, 'has' | 'size'>;
}

/** Names one order. */
export interface Closing {
  readonly fileId: FileId;
  readonly storeId: StoreId;
  readonly generation: number;
  readonly want: Want;
}

export interface Postponement extends Closing {
  readonly nextAttemptAtMs: number;
  readonly state: 'pending' | 'failed';
  /** Absent where nothing went wrong. Cut to what the column holds. */
  readonly error?: string | undefined;
}

/** What is owed to one store. */
export interface StoreLoad {
  readonly counts: { readonly put: number; readonly delete: number; readonly repair: number };
  readonly files: number;
  readonly bytes: number;
  readonly oldestSinceMs: number | undefined;
}

export interface OwedSince {
  /** Owed, and not tried since. */
  readonly waiting: number;
  /** Owed, tried and failed since. */
  readonly postponed: number;
}

/**
 * Orders that had their time: given up to then, or, as the clock was put back since, later than now. What is newer is under
 * way, and nobody may conclude anything from it.
 */
export interface OldOrders {
  readonly storeId: StoreId;
  readonly untilMs: number;
  readonly nowMs: number;
}

/** Something that is owed and could not be done yet. */
export interface OwedStill {
  readonly fileId: FileId;
  readonly operation: ObligationOperation;
  /** 0 where it has not been tried: the store failed, or nothing was handed out. */
  readonly attempts: number;
  readonly error: string | undefined;
}

const MAX_ERROR_CHARACTERS = 255;

export class Obligations {
  readonly #statements: ReturnType<typeof prepareObligationStatements>;
  readonly #filling: FillStatements;
  readonly #inTransaction: (work: () => void) => void;

  constructor(database: Database.Database) {
    this.#statements = prepareObligationStatements(database);
    this.#filling = new FillStatements(database);
    this.#inTransaction = database.transaction((work: () => void) => work());
  }

  of(fileId: FileId): Obligation[] {
    return this.#statements.of.all(fileId).map((row) => ({
      storeId: row.store_id as StoreId,
      want: row.want as Want,
      state: row.state as Obligation['state'],
      generation: row.generation,
      operation: row.operation as ObligationOperation,
      sinceMs: row.since,
      attempts: row.attempts,
      lastError: row.last_error ?? undefined,
    }));
  }

  /** What may be tried now, longest due first. */
  due({ storeId, nowMs, limit, except }: DueQuery): DueObligation[] {
    // What the caller has in hand stands at the head of the page: it was the longest due.
    const rows = this.#statements.due.all({ store_id: storeId, now: nowMs, limit: limit + except.size });
    const page: DueObligation[] = [];
    for (const { file_id, operation, generation, attempts, size } of rows) {
      const fileId = file_id as FileId;
      if (except.has(fileId)) continue;
      if (page.length === limit) break;
      page.push({ fileId, operation: operation as ObligationOperation, generation, attempts, sizeBytes: size });
    }
    return page;
  }

  isAnyDue({ storeId, nowMs }: { readonly storeId: StoreId; readonly nowMs: number }): boolean {
    return this.#statements.due.get({ store_id: storeId, now: nowMs, limit: 1 }) !== undefined;
  }

  /** Due or put off. */
  isAnyOwed(storeId: StoreId): boolean {
    return this.isAnyDue({ storeId, nowMs: Number.MAX_SAFE_INTEGER });
  }

  /** Whether anything is owed that was tried so often that it is tried at long intervals only. */
  isAnyFailed(storeId: StoreId): boolean {
    return this.#statements.anyFailed.get(storeId) !== undefined;
  }

  /** When the next of what is not due yet will be, or undefined. */
  nextDueMs({ storeId, nowMs }: { readonly storeId: StoreId; readonly nowMs: number }): number | undefined {
    return this.#statements.nextDue.get({ store_id: storeId, now: nowMs })?.at ?? undefined;
  }

  /** Closes what is confirmed, in one transaction; answers with what this closed, which an older or another order is not. */
  close(confirmed: readonly Closing[], nowMs: number): Closing[] {
    const closed: Closing[] = [];
    this.#inTransaction(() => {
      for (const order of confirmed) {
        if (this.#statements.close.run({ ...rowOf(order), now: nowMs }).changes > 0) closed.push(order);
      }
    });
    return closed;
  }

  /** Counts an attempt and says when the next one may be; answers with what this changed. */
  postpone(postponements: readonly Postponement[]): Postponement[] {
    const changed: Postponement[] = [];
    this.#inTransaction(() => {
      for (const postponement of postponements) {
        const { nextAttemptAtMs, state, error } = postponement;
        const row = { ...rowOf(postponement), at: nextAttemptAtMs, state };
        const last_error = error?.slice(0, MAX_ERROR_CHARACTERS) ?? null;
        if (this.#statements.postpone.run({ ...row, last_error }).changes > 0) changed.push(postponement);
      }
    });
    return changed;
  }

  load(storeId: StoreId): StoreLoad {
    const row = this.#statements.load.get(storeId);
    const { files = 0, bytes, oldest, deletes, repairs } = row ?? {};
    const counts = { delete: deletes ?? 0, repair: repairs ?? 0 };
    return {
      counts: { ...counts, put: files - counts.delete - counts.repair },
      files,
      bytes: bytes ?? 0,
      oldestSinceMs: oldest ?? undefined,
    };
  }

  /** Of what was ordered up to a time: how much is still owed, by whether it has been tried and failed since. */
  owedSince({ storeId, sinceMs }: { readonly storeId: StoreId; readonly sinceMs: number }): OwedSince {
    const row = this.#statements.owedSince.get({ store_id: storeId, since: sinceMs });
    return { waiting: row?.waiting ?? 0, postponed: (row?.owed ?? 0) - (row?.waiting ?? 0) };
  }

  /** Stores that have rows, done ones included. */
  storeIds(): StoreId[] {
    return this.#statements.storeIds.all().map(({ id }) => id as StoreId);
  }

  /**
   * Orders a file to be looked at again on a store that has it. What is owed already is made due now and stays the same
   * order, because an answer to it may be under way. A file that is deleted, or to be deleted there, is left alone.
   */
  owe(order: {
    readonly fileId: FileId;
    readonly storeId: StoreId;
    readonly operation: 'verify' | 'repair';
    readonly nowMs: number;
  }): void {
    const { fileId, storeId, operation, nowMs } = order;
    this.#statements.owe.run({ file_id: fileId, store_id: storeId, operation, now: nowMs });
  }

  /**
   * Orders files to be looked at again, or deleted again, on a store that was just seen to hold them badly. A new order
   * even where one is under way: whoever does that one may have looked before the damage was moved out of the way, and his
   * answer must close nothing. What the file is to be there does not change. Answers with how many were ordered.
   */
  oweAnew(order: {
    readonly fileIds: readonly FileId[];
    readonly storeId: StoreId;
    readonly operation: 'verify' | 'repair' | 'delete';
    readonly nowMs: number;
  }): number {
    const { fileIds, storeId, operation, nowMs } = order;
    const statement = operation === 'delete' ? this.#statements.oweDeleteAnew : this.#statements.oweAnew;
    let ordered = 0;
    this.#inTransaction(() => {
      for (const fileId of fileIds) {
        ordered += statement.run({ file_id: fileId, store_id: storeId, operation, now: nowMs }).changes;
      }
    });
    return ordered;
  }

  /**
   * Orders a file that is deleted to be deleted there once more: its tombstone is missing there, or its manifest stands. An
   * order that is under way stays what it is; a file that is there, or whose tombstones are expiring, is left alone.
   */
  oweDelete({
    fileId,
    storeId,
    nowMs,
  }: {
    readonly fileId: FileId;
    readonly storeId: StoreId;
    readonly nowMs: number;
  }): void {
    this.#statements.oweDelete.run({ file_id: fileId, store_id: storeId, now: nowMs });
  }

  /** How many of these orders are owed still. */
  countStill({ storeId, untilMs, nowMs }: OldOrders): number {
    return this.#statements.countStill.get({ store_id: storeId, until: untilMs, now: nowMs })?.owed ?? 0;
  }

  /** The first of them. What was tried and failed comes before what was not: it is due the latest. */
  still({ storeId, untilMs, nowMs, limit }: OldOrders & { readonly limit: number }): OwedStill[] {
    return this.#statements.still.all({ store_id: storeId, until: untilMs, now: nowMs, limit }).map((row) => ({
      fileId: row.file_id as FileId,
      operation: row.operation as ObligationOperation,
      attempts: row.attempts,
      error: row.last_error ?? undefined,
    }));
  }

  /** Makes up to `limit` of what is put off due now; answers with how many these were. */
  makeDueNow(page: { readonly storeId: StoreId; readonly nowMs: number; readonly limit: number }): number {
    return this.#statements.makeDueNow.run({ store_id: page.storeId, now: page.nowMs, limit: page.limit }).changes;
  }

  /** After the clock was put back: what is put off beyond `latestMs`, the longest that anything may be, is due now. */
  rejuvenate(time: { readonly storeId: StoreId; readonly nowMs: number; readonly latestMs: number }): void {
    this.#statements.rejuvenate.run({ store_id: time.storeId, now: time.nowMs, latest: time.latestMs });
  }

  /** Forgets that other replicas than these were owed every file: one that returns is owed them anew. */
  keepFilled(storeIds: readonly StoreId[]): void {
    this.#filling.keepOnly(storeIds);
  }

  /** Whether the store is owed all that it must hold: until then its load is less than what it lacks. */
  isFilled(storeId: StoreId): boolean {
    return this.#filling.isFilled(storeId);
  }

  /** Owes a replica that joins every file, a page at a time; goes on where the last call, or process, ended. */
  fill(page: FillPage): FillOutcome {
    return this.#filling.next(page);
  }

  /** Drops up to `limit` rows of a store that is no replica any more; answers with how many these were. */
  forgetStore({ storeId, limit }: { readonly storeId: StoreId; readonly limit: number }): number {
    return this.#statements.forget.run({ store_id: storeId, limit }).changes;
  }
}

function rowOf({ fileId, storeId, generation, want }: Closing) {
  return { file_id: fileId, store_id: storeId, generation, want };
}
