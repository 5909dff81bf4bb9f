/**
 * The write-ahead log: append, read, remove what the checkpoint has made useless. An append resolves at the commit point
 * and not before; segments leave only behind a checkpoint, oldest first. How the files look: docs/formats/wal.md.
 */
import type { FileSystem } from '#libs/durable-fs';
import { checkpointDraft, nextLsn, NO_LSN, StoreError, systemErrorCode } from '#libs/kernel';
import type { ClusterId, Frame, LogId, Lsn, RecordDraft } from '#libs/kernel';
import { basename } from 'node:path';
import { ActiveSegment } from './active-segment.js';
import type { LogPosition } from './batch.js';
import type { FrameAt } from './frame-cursor.js';
import type { LogLayout } from './log-layout.js';
import { readFrames } from './log-reader.js';
import type { SegmentRange } from './log-reader.js';
import { LogWriter } from './log-writer.js';
import type { NamedSegment, SegmentFactory } from './segment-factory.js';
import { decodeSegmentHeader, SEGMENT_HEADER_BYTES } from './segment-header.js';
import type { SegmentHeader } from './segment-header.js';
import { SegmentList } from './segment-list.js';
import type { SealedSegment } from './segment-list.js';

export interface OpenedLog {
  readonly fs: FileSystem;
  readonly layout: LogLayout;
  readonly clusterId: ClusterId;
  readonly position: LogPosition;
  readonly checkpointLsn: Lsn;
  readonly sealed: readonly SealedSegment[];
  readonly active: NamedSegment;
  /** Where the next frame goes in the active segment. */
  readonly activeOffsetBytes: number;
  readonly factory: SegmentFactory;
  readonly limits: LogLimits;
}

export interface LogLimits {
  readonly maxSizeBytes: number;
  /** How many sealed segments at or below the checkpoint are kept, for people to look at, while there is room. */
  readonly retainSegments: number;
  /** How long an append waits for a checkpoint to make room before it fails with `log_full`. */
  readonly fullWaitMs: number;
}

export interface SegmentStatus {
  readonly segmentId: string;
  readonly firstLsn: Lsn;
  readonly lastLsn: Lsn;
  readonly sizeBytes: number;
  readonly state: 'active' | 'sealed';
}

export interface LogListener {
  /** A batch has passed its commit point: in LSN order, before its callers are answered. */
  committed(frames: readonly Frame[]): void;
  /** A checkpoint would let segments go: one was sealed, or the log is at its size limit. */
  checkpointWanted(): void;
}

/** How soon a writer that waits for room asks for another checkpoint. */
const ASK_AGAIN_MS = 100;

export class WriteAheadLog {
  readonly clusterId: ClusterId;
  readonly #fs: FileSystem;
  readonly #layout: LogLayout;
  readonly #segments: SegmentList;
  readonly #writer: LogWriter;
  readonly #factory: SegmentFactory;
  readonly #limits: LogLimits;
  readonly #roomWaiters = new Set<() => void>();
  #checkpointLsn: Lsn;
  #removing: Promise<void> = Promise.resolve();
  #listener: LogListener | undefined;

  constructor(opened: OpenedLog) {
    this.clusterId = opened.clusterId;
    this.#fs = opened.fs;
    this.#layout = opened.layout;
    this.#segments = new SegmentList(opened.sealed);
    this.#factory = opened.factory;
    this.#limits = opened.limits;
    this.#checkpointLsn = opened.checkpointLsn;
    const active = new ActiveSegment(opened.active, opened.activeOffsetBytes);
    this.#writer = new LogWriter(
      {
        factory: opened.factory,
        nextHeader: ({ logId, lastLsn, lastChecksum, endMark }) => ({
          clusterId: this.clusterId,
          logId,
          firstLsn: nextLsn(lastLsn),
          checkpointLsn: this.#checkpointLsn,
          prev: lastChecksum,
          endMark,
        }),
        committed: (frames) => this.#listener?.committed(frames),
        rotated: (sealed, next) => {
          this.#segments.seal(sealed, next);
          this.#listener?.checkpointWanted();
        },
      },
      active,
      opened.position,
    );
  }

  get logId(): LogId {
    return this.#writer.position.logId;
  }

  /** Last LSN past its commit point. */
  get committedLsn(): Lsn {
    return this.#writer.position.lastLsn;
  }

  get checkpointLsn(): Lsn {
    return this.#checkpointLsn;
  }

  /** First LSN still in the log's files. */
  get oldestLsn(): Lsn {
    return this.#segments.sealed[0]?.firstLsn ?? this.#writer.active.firstLsn;
  }

  get poisoned(): boolean {
    return this.#writer.poisoned;
  }

  listen(listener: LogListener): void {
    this.#listener = listener;
  }

  /**
   * Resolves with the record's frame once it is durable. Throws `log_poisoned`, `log_full`, `log_write_failed`,
   * `disk_reserve`, `overloaded`, `shutting_down`: nothing was stored; or `outcome_unknown`, with `lsn` and `log_id`.
   */
  async append(draft: RecordDraft): Promise<Frame> {
    // A delete is never held back: without it the installation could not become smaller.
    if (draft.type !== 'file_delete' && this.#isFull()) await this.#waitForRoom();
    return this.#writer.append(draft);
  }

  /**
   * Records that everything through `checkpointLsn` is durable where it was applied, then removes the segments wholly at
   * or below it. The caller has made that true; this is the last step, and where it fails nothing has gone.
   */
  async checkpoint(checkpointLsn: Lsn): Promise<void> {
    await this.#writer.append(checkpointDraft({ checkpointLsn }));
    this.#checkpointLsn = checkpointLsn;
    await this.removeSegments();
  }

  /** Removes the segments that the last checkpoint has made useless; also those that could not be removed then. */
  removeSegments(): Promise<void> {
    // One at a time: two would remove the same file.
    const run = this.#removing.then(() => this.#removeUseless());
    this.#removing = run.catch(() => undefined);
    return run;
  }

  async #removeUseless(): Promise<void> {
    let removed = 0;
    for (let oldest = this.#nextToRemove(); oldest !== undefined; oldest = this.#nextToRemove()) {
      await this.#fs.unlink(oldest.path);
      this.#segments.removeOldest();
      removed += 1;
    }
    if (removed === 0) return;
    await this.#fs.syncDirectory(this.#layout.segments);
    for (const wake of this.#roomWaiters) wake();
  }

  /** Oldest first: with one missing in the middle the log would not open. */
  #nextToRemove(): SealedSegment | undefined {
    const isOneTooMany = this.#segments.countThrough(this.#checkpointLsn) > this.#limits.retainSegments;
    // What is kept for people to look at must not be why a writer waits.
    return isOneTooMany || this.#isFull() ? this.#segments.oldestThrough(this.#checkpointLsn) : undefined;
  }

  /**
   * The durable frames with an LSN above `after`, oldest first. A checkpoint may take the oldest away meanwhile: the
   * reading then goes on with the oldest that is left.
   */
  read(after: Lsn = NO_LSN): AsyncGenerator<FrameAt & { readonly path: string }> {
    const mayGo = ({ lastLsn }: SegmentRange): boolean => lastLsn <= this.#checkpointLsn;
    return readFrames(this.#fs, this.segments(), { after, through: this.committedLsn, mayGo });
  }

  segments(): readonly (SegmentStatus & { readonly path: string })[] {
    const { active } = this.#writer;
    const sealed = this.#segments.sealed.map((segment) => ({ ...status(segment), state: 'sealed' as const }));
    return [...sealed, { ...status({ ...pathAndSize(active), lastLsn: this.committedLsn }), state: 'active' as const }];
  }

  /** The header as the segment's file has it now; undefined where it does not hold any more, or a checkpoint took it. */
  async header(path: string): Promise<SegmentHeader | undefined> {
    const file = await this.#fs.openRead(path).catch((error: unknown) => {
      if (systemErrorCode(error) !== 'ENOENT') throw error;
    });
    if (file === undefined) return undefined;
    try {
      const bytes = Buffer.alloc(SEGMENT_HEADER_BYTES);
      const decoded = decodeSegmentHeader(bytes.subarray(0, await file.read(bytes, 0)));
      return decoded.ok ? decoded.header : undefined;
    } finally {
      await file.close();
    }
  }

  async close(): Promise<void> {
    await this.#writer.close();
    await this.#factory.close();
  }

  /** The active segment alone is never too much: no checkpoint could remove it, and the wait would not end. */
  #isFull(): boolean {
    if (this.#segments.sealed.length === 0) return false;
    return this.#segments.sealedBytes + this.#writer.active.sizeBytes > this.#limits.maxSizeBytes;
  }

  async #waitForRoom(): Promise<void> {
    const deadline = Date.now() + this.#limits.fullWaitMs;
    // Where that fails the next checkpoint meets the same failure, and reports it.
    await this.removeSegments().catch(() => undefined);
    while (this.#isFull()) {
      const leftMs = deadline - Date.now();
      if (leftMs <= 0) {
        throw new StoreError('log_full', 'The log is at WAL_MAX_SIZE and no checkpoint has made room; try again.', {
          context: { limit_bytes: this.#limits.maxSizeBytes, retry_after_seconds: 5 },
        });
      }
      this.#listener?.checkpointWanted();
      // Asked again and again: a checkpoint that was chosen before the log filled may end without having made room.
      await this.#nextRoom(Math.min(leftMs, ASK_AGAIN_MS));
    }
  }

  async #nextRoom(waitMs: number): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, waitMs);
    this.#roomWaiters.add(resolve);
    await promise;
    clearTimeout(timer);
    this.#roomWaiters.delete(resolve);
  }
}

function pathAndSize({ path, firstLsn, sizeBytes }: ActiveSegment): Omit<SealedSegment, 'lastLsn'> {
  return { path, firstLsn, sizeBytes };
}

function status(segment: SealedSegment): Omit<SegmentStatus, 'state'> & { readonly path: string } {
  return { ...segment, segmentId: basename(segment.path, '.wal') };
}
