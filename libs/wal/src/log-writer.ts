/**
 * The one writer of a log: callers queue, a batch is one write and one fdatasync, then all of the batch are answered.
 * No caller is answered before the barrier that covers its record has returned, and no batch starts before the last one's
 * barrier has. A failed barrier poisons the writer for the rest of the process's life.
 */
import { isDiskFull, MAX_FRAME_BYTES, StoreError } from '#libs/kernel';
import type { Frame, RecordDraft } from '#libs/kernel';
import { ActiveSegment, BarrierFailed, WriteCutBack } from './active-segment.js';
import { batchCount, draftLength, encodeBatch } from './batch.js';
import type { LogPosition, PendingAppend } from './batch.js';
import type { SegmentFactory } from './segment-factory.js';
import type { SegmentHeader } from './segment-header.js';

/** Callers that may wait for the writer at once; far above what connections can bring, so that a leak shows. */
const MAX_QUEUED_APPENDS = 65_536;

export interface LogWriterContext {
  readonly factory: SegmentFactory;
  /** The header of the segment that starts behind `position`. */
  nextHeader(position: LogPosition): SegmentHeader;
  /** A batch has passed its commit point; called before its callers are answered, in LSN order. */
  committed(frames: readonly Frame[]): void;
  /** The active segment was full and `next` follows it. */
  rotated(sealed: ActiveSegment, next: ActiveSegment): void;
}

export class LogWriter {
  readonly #context: LogWriterContext;
  readonly #queue: PendingAppend[] = [];
  #active: ActiveSegment;
  #position: LogPosition;
  #running: Promise<void> | undefined;
  #poison: StoreError | undefined;
  #closed = false;

  constructor(context: LogWriterContext, active: ActiveSegment, position: LogPosition) {
    this.#context = context;
    this.#active = active;
    this.#position = position;
  }

  get position(): LogPosition {
    return this.#position;
  }

  get active(): ActiveSegment {
    return this.#active;
  }

  get poisoned(): boolean {
    return this.#poison !== undefined;
  }

  /** Resolves with the record's frame when it is durable. Throws `outcome_unknown` where a barrier failed under it. */
  append(draft: RecordDraft): Promise<Frame> {
    if (this.#poison !== undefined) return Promise.reject(this.#poison);
    if (this.#closed) return Promise.reject(new StoreError('shutting_down', 'The log is closed.'));
    if (this.#queue.length >= MAX_QUEUED_APPENDS) {
      return Promise.reject(new StoreError('overloaded', 'Too many writes wait for the log.'));
    }
    const lengthBytes = draftLength(draft);
    if (lengthBytes > MAX_FRAME_BYTES)
      throw new RangeError(`a frame of ${lengthBytes} bytes exceeds ${MAX_FRAME_BYTES}`);
    const { promise, resolve, reject } = Promise.withResolvers<Frame>();
    this.#queue.push({ draft, lengthBytes, resolve, reject });
    this.#running ??= this.#run();
    return promise;
  }

  /** Commits what is queued, then closes the file; later appends are refused. */
  async close(): Promise<void> {
    this.#closed = true;
    await this.#running;
    await this.#active.close();
  }

  async #run(): Promise<void> {
    // One turn of the event loop lets the requests that arrived together share the first barrier.
    await new Promise(setImmediate);
    while (this.#queue.length > 0) await this.#commitNext();
    this.#running = undefined;
  }

  async #commitNext(): Promise<void> {
    const first = this.#queue[0]!;
    if (first.lengthBytes > this.#active.freeBytes && !(await this.#rotate(first.lengthBytes))) return;
    const batch = this.#queue.splice(0, batchCount(this.#queue, this.#active.freeBytes));
    const { bytes, frames } = encodeBatch(batch, this.#position);
    try {
      await this.#active.commit(bytes);
    } catch (error) {
      this.#fail(batch, frames, error);
      return;
    }
    const last = frames.at(-1)!;
    this.#position = { ...this.#position, lastLsn: last.lsn, lastChecksum: last.checksum };
    this.#context.committed(frames);
    batch.forEach(({ resolve }, index) => resolve(frames[index]!));
    if (this.#active.freeBytes < this.#active.sizeBytes / 2) this.#context.factory.makeAhead();
  }

  async #rotate(roomBytes: number): Promise<boolean> {
    let blank;
    try {
      blank = await this.#context.factory.blank(roomBytes);
    } catch (cause) {
      for (const { reject } of this.#queue.splice(0)) reject(writeFailed(cause));
      return false;
    }
    try {
      const header = this.#context.nextHeader(this.#position);
      const next = new ActiveSegment(await this.#context.factory.name(blank, header));
      const sealed = this.#active;
      this.#active = next;
      this.#context.rotated(sealed, next);
      await sealed.close();
      return true;
    } catch (cause) {
      this.#poisonBy(cause);
      return false;
    }
  }

  #fail(batch: readonly PendingAppend[], frames: readonly Frame[], error: unknown): void {
    if (error instanceof WriteCutBack) {
      for (const { reject } of batch) reject(writeFailed(error.cause));
      return;
    }
    batch.forEach(({ reject }, index) => reject(outcomeUnknown(frames[index]!, error)));
    this.#poisonBy(error instanceof BarrierFailed ? error.cause : error);
  }

  #poisonBy(cause: unknown): void {
    const why = cause instanceof Error ? cause.message : String(cause);
    this.#poison = new StoreError(
      'log_poisoned',
      `The log failed to reach the disk (${why}). Reads go on; check the disk, then restart the server.`,
      { cause },
    );
    for (const { reject } of this.#queue.splice(0)) reject(this.#poison);
  }
}

function writeFailed(cause: unknown): StoreError {
  if (isDiskFull(cause)) {
    return new StoreError('disk_reserve', 'The disk of the log is full; free space or delete files.', { cause });
  }
  return new StoreError('log_write_failed', 'The log could not be written; nothing was stored.', { cause });
}

function outcomeUnknown(frame: Frame, cause: unknown): StoreError {
  return new StoreError(
    'outcome_unknown',
    'The log failed to confirm this write. After a restart the file is either whole or absent: ask for it by its id.',
    { context: { lsn: frame.lsn, log_id: frame.logId }, cause },
  );
}
