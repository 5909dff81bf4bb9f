/**
 * Replaces many small files by synchronous calls in a thread of its own. Creating and renaming a file costs 40 µs where
 * all goes well and a multiple of that where the file system has to look for an inode; on the main thread every request
 * would wait for it, and through libuv's pool each of its four calls would cost a trip there and back.
 *
 * The file is also the thread's program, so it imports nothing but Node.
 */
import { closeSync, constants, openSync, readSync, renameSync, rmSync, writeFileSync, writeSync } from 'node:fs';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';

export interface FileReplacement {
  readonly path: string;
  readonly bytes: Uint8Array;
  /** On the same file system as `path`; truncated if it exists. */
  readonly temporaryPath: string;
}

/** `replace` always makes a new file; `refresh` writes a file that holds just these bytes again in place. */
export type ReplacementMode = 'replace' | 'refresh';

/** Below this the trip to the thread costs more than the calls. */
const OFF_THREAD_FROM = 4;
const PROGRAM = 'holdfast-replace-files';

/** One after the other; where one throws, those before it have happened. Throws Node.js system errors. */
export async function replaceFiles(files: readonly FileReplacement[], mode: ReplacementMode): Promise<void> {
  if (files.length < OFF_THREAD_FROM) replaceNow(files, mode);
  else await thread.run(files, mode);
}

function replaceNow(files: readonly FileReplacement[], mode: ReplacementMode): void {
  for (const file of files) {
    if (mode === 'replace' || !refreshed(file)) replaceOne(file);
  }
}

function replaceOne({ path, bytes, temporaryPath }: FileReplacement): void {
  try {
    writeFileSync(temporaryPath, bytes);
    renameSync(temporaryPath, path);
  } catch (error) {
    // On a full disk the partial file would hold the very space that the next attempt needs.
    rmSync(temporaryPath, { force: true });
    throw error;
  }
}

/** Whether the file held these bytes and has been given them again. */
function refreshed({ path, bytes }: FileReplacement): boolean {
  let descriptor;
  try {
    descriptor = openSync(path, constants.O_RDWR);
  } catch {
    // Whatever is wrong with the old file, a new one takes its place.
    return false;
  }
  try {
    if (!holds(descriptor, bytes)) return false;
    let written = 0;
    while (written < bytes.length) {
      written += writeSync(descriptor, bytes, written, bytes.length - written, written);
    }
    return true;
  } finally {
    closeSync(descriptor);
  }
}

/** Whether the file holds just these bytes; one that cannot be read does not. */
function holds(descriptor: number, bytes: Uint8Array): boolean {
  const found = Buffer.allocUnsafe(bytes.length + 1);
  try {
    const count = readSync(descriptor, found, 0, found.length, 0);
    return Buffer.compare(found.subarray(0, count), bytes) === 0;
  } catch {
    return false;
  }
}

interface Request {
  readonly files: readonly FileReplacement[];
  readonly mode: ReplacementMode;
}

/** What is left of a system error on its way between threads. */
interface Failure {
  readonly message: string;
  readonly code: string | undefined;
  readonly errno: number | undefined;
  readonly syscall: string | undefined;
  readonly path: string | undefined;
}

interface Waiter {
  readonly resolve: () => void;
  readonly reject: (error: Error) => void;
}

/** Started with the first request; answers come in the order of the requests. */
class ReplacementThread {
  #worker: Worker | undefined;
  #waiters: Waiter[] = [];

  run(files: readonly FileReplacement[], mode: ReplacementMode): Promise<void> {
    this.#worker ??= this.#start();
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.#waiters.push({ resolve, reject });
    // A process with nothing else to do may end, but not in the middle of this.
    this.#worker.ref();
    this.#worker.postMessage({ files, mode } satisfies Request);
    return promise;
  }

  #start(): Worker {
    const worker = new Worker(new URL(import.meta.url), { workerData: PROGRAM });
    worker.on('message', (failure: Failure | undefined) => {
      const waiter = this.#waiters.shift();
      if (this.#waiters.length === 0) worker.unref();
      if (failure === undefined) waiter?.resolve();
      else waiter?.reject(Object.assign(new Error(failure.message), failure));
    });
    worker.on('error', (error: Error) => this.#lose(error));
    worker.on('exit', () => this.#lose(new Error('the thread that replaces files ended')));
    return worker;
  }

  #lose(error: Error): void {
    this.#worker = undefined;
    for (const { reject } of this.#waiters.splice(0)) reject(error);
  }
}

const thread = new ReplacementThread();

function answer({ files, mode }: Request): Failure | undefined {
  try {
    replaceNow(files, mode);
    return undefined;
  } catch (error) {
    const { message, code, errno, syscall, path } = error as NodeJS.ErrnoException;
    return { message, code, errno, syscall, path };
  }
}

if (!isMainThread && workerData === PROGRAM) {
  parentPort?.on('message', (request: Request) => parentPort?.postMessage(answer(request)));
}
