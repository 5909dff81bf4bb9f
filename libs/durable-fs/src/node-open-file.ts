import { closeSync, fdatasync, fstatSync, ftruncate, read, write } from 'node:fs';
import { promisify } from 'node:util';
import type { OpenFile } from './file-system.js';
import { systemError } from './system-error.js';

const readAsync = promisify(read);
const writeAsync = promisify(write);
const fdatasyncAsync = promisify(fdatasync);
const ftruncateAsync = promisify(ftruncate);

/**
 * An open file of the operating system. Calls that move bytes or wait for the disk go through the thread pool. It is a
 * bare descriptor and no `FileHandle` because those cannot be opened synchronously; reads cost the same on both.
 *
 * Invariant: the descriptor is closed only when no call uses it. The kernel gives a closed number to the next file
 * opened, so a late write would otherwise land in a stranger's file.
 */
export class NodeOpenFile implements OpenFile {
  readonly #descriptor: number;
  readonly #path: string;
  #callsInFlight = 0;
  #closed: Promise<void> | undefined;
  #whenIdle: (() => void) | undefined;

  /** Takes ownership of `descriptor`; `path` only names the file in errors. */
  constructor(descriptor: number, path: string) {
    this.#descriptor = descriptor;
    this.#path = path;
  }

  read(target: Uint8Array, position: number): Promise<number> {
    return this.#use('read', async (descriptor) => {
      let filled = 0;
      while (filled < target.length) {
        const { bytesRead } = await readAsync(descriptor, target, filled, target.length - filled, position + filled);
        if (bytesRead === 0) break;
        filled += bytesRead;
      }
      return filled;
    });
  }

  write(bytes: Uint8Array, position: number): Promise<void> {
    return this.#use('write', async (descriptor) => {
      let written = 0;
      // A nearly full disk answers with a short count first and ENOSPC only to the next call.
      while (written < bytes.length) {
        const rest = bytes.length - written;
        const { bytesWritten } = await writeAsync(descriptor, bytes, written, rest, position + written);
        if (bytesWritten === 0) throw systemError('EIO', { syscall: 'write', path: this.#path });
        written += bytesWritten;
      }
    });
  }

  dataSync(): Promise<void> {
    return this.#use('fdatasync', (descriptor) => fdatasyncAsync(descriptor));
  }

  truncate(sizeBytes: number): Promise<void> {
    return this.#use('ftruncate', (descriptor) => ftruncateAsync(descriptor, sizeBytes));
  }

  size(): Promise<number> {
    return this.#use('fstat', async (descriptor) => fstatSync(descriptor).size);
  }

  /** Waits for the calls in flight; a second close is the same close. */
  close(): Promise<void> {
    this.#closed ??= this.#closeWhenIdle();
    return this.#closed;
  }

  async #closeWhenIdle(): Promise<void> {
    if (this.#callsInFlight > 0) await new Promise<void>((resolve) => (this.#whenIdle = resolve));
    closeSync(this.#descriptor);
  }

  async #use<T>(syscall: string, call: (descriptor: number) => Promise<T>): Promise<T> {
    if (this.#closed !== undefined) throw systemError('EBADF', { syscall, path: this.#path });
    this.#callsInFlight += 1;
    try {
      return await call(this.#descriptor);
    } finally {
      this.#callsInFlight -= 1;
      if (this.#callsInFlight === 0) this.#whenIdle?.();
    }
  }
}
