import { CopyOnWriteBytes } from './copy-on-write-bytes.js';
import type { CrashOutcome, Fate, Survival } from './survival.js';
import { KEPT } from './survival.js';

export interface WriteOperation {
  readonly kind: 'write';
  readonly sequence: number;
  readonly fate: Fate;
  readonly description: string;
  readonly offset: number;
  readonly bytes: Buffer;
}

export interface TruncateOperation {
  readonly kind: 'truncate';
  readonly sequence: number;
  readonly fate: Fate;
  readonly description: string;
  readonly sizeBytes: number;
}

export type ContentOperation = WriteOperation | TruncateOperation;

/**
 * The bytes of one file twice: as processes see them (the page cache) and as the disk surely has them, with the
 * operations between the two. Each of these reaches the disk on its own, in whatever order, but where two touch the
 * same byte the later one wins if both did.
 *
 * A failed sync leaves its writes `unproven` for ever: visible, perhaps on the disk, perhaps not, and a later sync
 * says nothing of them because the kernel marked their pages clean (Rebello et al., "Can Applications Recover from
 * fsync Failures?", 2020). Only writing the bytes again helps. A truncation is not in the page cache; it stays pending.
 */
export class FileContent {
  #visible = new CopyOnWriteBytes();
  #durable = new CopyOnWriteBytes();
  /** Begins with an operation that is not durable; behind an unproven one durable ones may follow. */
  #operations: ContentOperation[] = [];

  /** A file whose content is durable. */
  static durable(bytes: CopyOnWriteBytes): FileContent {
    const content = new FileContent();
    content.#durable = bytes;
    content.#visible = bytes.share();
    return content;
  }

  clone(): FileContent {
    const clone = new FileContent();
    clone.#visible = this.#visible.share();
    clone.#durable = this.#durable.share();
    clone.#operations = [...this.#operations];
    return clone;
  }

  get sizeBytes(): number {
    return this.#visible.sizeBytes;
  }

  /** What a process reads; not to be modified. */
  view(): Buffer {
    return this.#visible.view();
  }

  /** Of what a process reads. */
  digest(): string {
    return this.#visible.digest();
  }

  /** The operations that a power cut may lose, oldest first. */
  get undecided(): readonly ContentOperation[] {
    return this.#operations.filter(({ fate }) => fate !== 'durable');
  }

  /** Copies `bytes`, which stay the caller's. */
  write(bytes: Uint8Array, offset: number, label: { readonly sequence: number; readonly path: string }): void {
    if (bytes.length === 0) return;
    const description = `write(${label.path}, ${offset}+${bytes.length})`;
    const sequence = label.sequence;
    this.#add({ kind: 'write', sequence, fate: 'pending', description, offset, bytes: Buffer.from(bytes) });
  }

  truncate(sizeBytes: number, label: { readonly sequence: number; readonly path: string }): void {
    if (sizeBytes === this.sizeBytes) return;
    const description = `truncate(${label.path}, ${sizeBytes})`;
    this.#add({ kind: 'truncate', sequence: label.sequence, fate: 'pending', description, sizeBytes });
  }

  /** A sync that covered the operations up to `sequence` succeeded. */
  syncSucceeded(sequence: number): void {
    this.#setFate(sequence, () => 'durable');
    const firstUndecided = this.#operations.findIndex(({ fate }) => fate !== 'durable');
    const settledCount = firstUndecided === -1 ? this.#operations.length : firstUndecided;
    for (const operation of this.#operations.slice(0, settledCount)) apply(this.#durable, operation, KEPT);
    this.#operations = this.#operations.slice(settledCount);
  }

  syncFailed(sequence: number): void {
    this.#setFate(sequence, (operation) => (operation.kind === 'write' ? 'unproven' : operation.fate));
  }

  afterCrash(outcome: CrashOutcome): CopyOnWriteBytes {
    const bytes = this.#durable.share();
    for (const operation of this.#operations) {
      const survival = operation.fate === 'durable' ? KEPT : outcome.get(operation.sequence);
      if (survival !== undefined) apply(bytes, operation, survival);
    }
    return bytes;
  }

  /** Inverts one byte, in the cache and on the disk. Only for a file without un-synced operations. */
  rot(offset: number): void {
    if (this.#operations.length > 0) throw new Error('rot is what happens to synced bytes; sync the file first');
    const byte = this.view()[offset];
    if (byte === undefined) throw new RangeError(`offset ${offset} is behind the end of the file`);
    this.#visible.write(Uint8Array.of(byte ^ 0xff), offset);
    this.#durable.write(Uint8Array.of(byte ^ 0xff), offset);
  }

  #add(operation: ContentOperation): void {
    apply(this.#visible, operation, KEPT);
    this.#operations.push(operation);
  }

  #setFate(upToSequence: number, fateOf: (operation: ContentOperation) => Fate): void {
    this.#operations = this.#operations.map((operation) => {
      if (operation.fate !== 'pending' || operation.sequence > upToSequence) return operation;
      return { ...operation, fate: fateOf(operation) };
    });
  }
}

function apply(target: CopyOnWriteBytes, operation: ContentOperation, survival: Survival): void {
  if (operation.kind === 'truncate') {
    target.resize(operation.sizeBytes);
    return;
  }
  const { bytes, offset } = operation;
  const ranges = survival.kept === 'all' ? [{ start: 0, end: bytes.length }] : survival.kept;
  for (const { start, end } of ranges) target.write(bytes.subarray(start, end), offset + start);
  const writtenEnd = offset + bytes.length;
  if (survival.growsTo === 'written' && writtenEnd > target.sizeBytes) target.resize(writtenEnd);
}
