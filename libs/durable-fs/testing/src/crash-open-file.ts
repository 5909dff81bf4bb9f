import type { OpenFile } from '../../src/file-system.js';
import { systemError } from '../../src/system-error.js';
import type { Disk } from './disk.js';
import type { InodeId } from './directory-names.js';
import type { OperationGate } from './operation-gate.js';

/** The machine that a handle belongs to, and what it has open there. */
export interface HandleTarget {
  readonly disk: Disk;
  readonly gate: OperationGate;
  readonly inode: InodeId;
  /** The path it was opened under, which faults and labels go by even after a rename. */
  readonly path: string;
  readonly access: 'read' | 'write';
}

/** A handle on the crash file system; it dies with the machine it was opened on. */
export class CrashOpenFile implements OpenFile {
  readonly #target: HandleTarget;
  #isClosed = false;

  constructor(target: HandleTarget) {
    this.#target = target;
  }

  async read(target: Uint8Array, position: number): Promise<number> {
    const { gate, path } = this.#open('read');
    gate.admit('read', path);
    const source = this.#content().view();
    const available = source.subarray(Math.min(position, source.length), position + target.length);
    target.set(available);
    return available.length;
  }

  async write(bytes: Uint8Array, position: number): Promise<void> {
    const { disk, gate, inode, path } = this.#open('write');
    this.#checkWritable('write');
    const fault = gate.takeFault('write', path);
    const written = fault === undefined ? bytes : bytes.subarray(0, fault.writtenBytes);
    if (written.length > 0) {
      gate.mutate('write', path, () => disk.write(inode, written, { offset: position, path }));
    }
    if (fault !== undefined) throw fault.error;
  }

  async dataSync(): Promise<void> {
    const { disk, gate, inode, path } = this.#open('dataSync');
    const covered = disk.sequence;
    await gate.sync('dataSync', path, (result) => disk.endFileSync(inode, covered, result));
  }

  async truncate(sizeBytes: number): Promise<void> {
    const { disk, gate, inode, path } = this.#open('truncate');
    this.#checkWritable('truncate');
    gate.admit('truncate', path);
    gate.mutate('truncate', path, () => disk.truncate(inode, sizeBytes, path));
  }

  async size(): Promise<number> {
    const { gate, path } = this.#open('size');
    gate.admit('size', path);
    return this.#content().sizeBytes;
  }

  /** A failed close closes all the same, as on Linux; a second close does nothing. */
  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#target.gate.admit('close', this.#target.path);
  }

  #open(syscall: keyof OpenFile): HandleTarget {
    if (this.#isClosed) throw systemError('EBADF', { syscall, path: this.#target.path });
    return this.#target;
  }

  #checkWritable(syscall: string): void {
    const code = syscall === 'truncate' ? 'EINVAL' : 'EBADF';
    if (this.#target.access === 'read') throw systemError(code, { syscall, path: this.#target.path });
  }

  #content() {
    const content = this.#target.disk.content(this.#target.inode);
    if (content === undefined) throw systemError('EISDIR', { syscall: 'read', path: this.#target.path });
    return content;
  }
}
