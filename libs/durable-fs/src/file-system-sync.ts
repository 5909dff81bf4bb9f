/**
 * Syncs of whole file systems, shared: at most one runs on a device and one is pending. Who comes while one runs takes part
 * in the pending one and never in the one that runs, which may have begun before what he wrote. A device that hangs holds
 * only its own callers.
 *
 * Linux tells an error of a write-back to one sync, whoever lost the bytes, and the next one says yes. So a sync that fails
 * fails for everybody who may have lost something by then: all that take part in it, all that wait behind it, and all that
 * come later and had begun to write (`sinceNs`) before it ended. docs/adr/0004-a-failed-flush-ends-checkpoints.md
 */
import { stat } from 'node:fs/promises';
import { SyncShells } from './sync-shell.js';
import type { SyncAnswer } from './sync-shell.js';
import { systemError } from './system-error.js';

export interface SyncOrder {
  /** On the file system that is to be synced. */
  readonly path: string;
  /** `st_dev` of the path. */
  readonly device: number;
  /** When the caller began to write what is to be durable, by `process.hrtime`; the time of the call where absent. */
  readonly sinceNs?: bigint | undefined;
}

export interface FailedSync {
  readonly device: number;
  readonly endedAtNs: bigint;
  readonly error: Error;
}

/** What users of the syncs need of them; in another thread of the process something else stands for it. */
export interface FileSystemSyncs {
  /**
   * Throws `EIO` where the file system could not be written, or nobody knows; `ENOENT` where the path is not there any more,
   * or leads to another device; `ENOSYS` where there is no `sync`.
   */
  run(order: SyncOrder): Promise<void>;
}

/** The edge to the operating system. */
export interface SyncEdge {
  sync(path: string): Promise<SyncAnswer>;
  deviceOf(path: string): Promise<number | undefined>;
}

export class FileSystemSync implements FileSystemSyncs {
  readonly #shells = new SyncShells();
  readonly #edge: SyncEdge;
  /** Those with something under way, and those that failed, for as long as the process lives. */
  readonly #devices = new Map<number, DeviceSyncs>();
  readonly #listeners = new Set<(failed: FailedSync) => void>();

  constructor(edge?: SyncEdge) {
    this.#edge = edge ?? { sync: (path) => this.#shells.sync(path), deviceOf };
  }

  async run({ path, device, sinceNs = process.hrtime.bigint() }: SyncOrder): Promise<void> {
    // It would be two lines for the shell.
    if (path.includes('\n')) throw syncError(path, 'ENOSYS');
    await this.#syncsOf(device).run(path, sinceNs);
  }

  /** Told of every sync that fails, before those who wait for it, and before the next one on that device begins. */
  listen(listener: (failed: FailedSync) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Ends the idle shells; those under way end when they have answered. */
  end(): void {
    this.#shells.end();
  }

  #syncsOf(device: number): DeviceSyncs {
    const known = this.#devices.get(device);
    if (known !== undefined) return known;
    const syncs = new DeviceSyncs(device, {
      edge: this.#edge,
      failed: (failed) => this.#listeners.forEach((listener) => listener(failed)),
      idle: () => this.#devices.delete(device),
    });
    this.#devices.set(device, syncs);
    return syncs;
  }
}

interface DeviceContext {
  readonly edge: SyncEdge;
  readonly failed: (failed: FailedSync) => void;
  /** Nothing is under way, and nothing has to be remembered. */
  readonly idle: () => void;
}

interface Caller {
  readonly path: string;
  readonly settle: PromiseWithResolvers<void>;
}

class DeviceSyncs {
  readonly #device: number;
  readonly #context: DeviceContext;
  /** They take part in the next sync, not in the one that runs. */
  #waiting: Caller[] = [];
  #isRunning = false;
  #lastFailure: FailedSync | undefined;

  constructor(device: number, context: DeviceContext) {
    this.#device = device;
    this.#context = context;
  }

  run(path: string, sinceNs: bigint): Promise<void> {
    const failure = this.#lastFailure;
    if (failure !== undefined && sinceNs <= failure.endedAtNs) {
      return Promise.reject(syncError(path, 'EIO', failure.error));
    }
    const settle = Promise.withResolvers<void>();
    this.#waiting.push({ path, settle });
    if (!this.#isRunning) void this.#runAll();
    return settle.promise;
  }

  async #runAll(): Promise<void> {
    this.#isRunning = true;
    while (this.#waiting.length > 0) {
      const callers = this.#waiting;
      this.#waiting = [];
      await this.#sync(callers);
    }
    this.#isRunning = false;
    if (this.#lastFailure === undefined) this.#context.idle();
  }

  /** By the path of one of them; where that leads nowhere, or elsewhere, nothing is known for the others yet. */
  async #sync(callers: readonly Caller[]): Promise<void> {
    let left = callers;
    while (left.length > 0) {
      const { path } = left[0]!;
      const answer = await this.#ask(path);
      if (answer === 'failed') this.#fail(left);
      else if (answer === 'synced') for (const { settle } of left) settle.resolve();
      else if (answer === 'no_program') for (const caller of left) reject(caller, 'ENOSYS');
      else for (const caller of left) if (caller.path === path) reject(caller, 'ENOENT');
      if (answer !== 'unopened') return;
      left = left.filter((caller) => caller.path !== path);
    }
  }

  /** A mount may have come or gone since the caller looked: what was synced is another file system then. */
  async #ask(path: string): Promise<SyncAnswer> {
    const { edge } = this.#context;
    const answer = await edge.sync(path).catch((): SyncAnswer => 'failed');
    if (answer !== 'synced') return answer;
    return (await edge.deviceOf(path).catch(() => undefined)) === this.#device ? 'synced' : 'unopened';
  }

  #fail(callers: readonly Caller[]): void {
    const error = syncError(callers[0]!.path, 'EIO');
    const failure = { device: this.#device, endedAtNs: process.hrtime.bigint(), error };
    this.#lastFailure = failure;
    this.#context.failed(failure);
    const behind = this.#waiting;
    this.#waiting = [];
    for (const caller of [...callers, ...behind]) reject(caller, 'EIO', error);
  }
}

function reject({ path, settle }: Caller, code: SyncErrorCode, cause?: Error): void {
  settle.reject(syncError(path, code, cause));
}

export type SyncErrorCode = 'EIO' | 'ENOENT' | 'ENOSYS';

export function syncError(path: string, code: SyncErrorCode, cause?: unknown): Error {
  return systemError(code, { syscall: 'syncfs', path, cause });
}

async function deviceOf(path: string): Promise<number | undefined> {
  return (await stat(path)).dev;
}
