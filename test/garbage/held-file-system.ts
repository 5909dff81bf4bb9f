/** A disk on which calls can be held open just before they take effect, so that two operations meet at a chosen step. */
import type { FileStat } from '#libs/durable-fs';
import { CrashFileSystem } from '#libs/durable-fs/testing';

type HeldOperation = 'rename' | 'unlink' | 'syncDirectory' | 'readFile' | 'stat' | 'replaceFile';

interface Hold {
  readonly operation: HeldOperation;
  readonly pathPattern: RegExp;
  readonly reach: () => void;
  readonly released: Promise<void>;
}

export interface HeldCall {
  /** Resolves when a call has come that is held. */
  readonly reached: Promise<void>;
  release(): void;
}

export class HeldFileSystem extends CrashFileSystem {
  #holds: Hold[] = [];

  /** Holds the next call of `operation` on a path that matches (of a rename: the destination). */
  hold(operation: HeldOperation, pathPattern: RegExp): HeldCall {
    const { promise: reached, resolve: reach } = Promise.withResolvers<void>();
    const { promise: released, resolve: release } = Promise.withResolvers<void>();
    this.#holds.push({ operation, pathPattern, reach, released });
    return { reached, release };
  }

  override async rename(from: string, to: string): Promise<void> {
    await this.#pass('rename', to);
    await super.rename(from, to);
  }

  override async unlink(path: string): Promise<void> {
    await this.#pass('unlink', path);
    await super.unlink(path);
  }

  override async syncDirectory(path: string): Promise<void> {
    await this.#pass('syncDirectory', path);
    await super.syncDirectory(path);
  }

  override async replaceFile(path: string, bytes: Uint8Array, temporaryPath: string): Promise<void> {
    await this.#pass('replaceFile', path);
    await super.replaceFile(path, bytes, temporaryPath);
  }

  /** Held after the look. */
  override async stat(path: string): Promise<FileStat | undefined> {
    const stat = await super.stat(path);
    await this.#pass('stat', path);
    return stat;
  }

  /** Held after the bytes were read. */
  override async readFile(path: string): Promise<Buffer> {
    const bytes = await super.readFile(path);
    await this.#pass('readFile', path);
    return bytes;
  }

  async #pass(operation: HeldOperation, path: string): Promise<void> {
    const hold = this.#holds.find((other) => other.operation === operation && other.pathPattern.test(path));
    if (hold === undefined) return;
    this.#holds = this.#holds.filter((other) => other !== hold);
    hold.reach();
    await hold.released;
  }
}
