/**
 * Creates and replaces many small files by synchronous calls in threads of their own. Creating and renaming a file costs 40 µs where
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
}

/** Below this the trip to the thread costs more than the calls. */
const OFF_THREAD_FROM = 4;
const PROGRAM = 'holdfast-replace-files';
/** The temporary name of a refreshed file that turns out to need a new one; in its directory, for one call at a time. */
export const TEMPORARY_BESIDE = '.new';

/**
 * What is asked for. `replace` and `refresh` make a new file under a temporary name, truncated if it exists, and rename it;
 * `create` makes it under its own name, which must be free.
 */
export type Replacements =
  | { readonly mode: 'create'; readonly files: readonly FileReplacement[] }
  | { readonly mode: 'replace'; readonly files: readonly FileReplacement[]; readonly temporaryPath: string }
  | { readonly mode: 'refresh'; readonly files: readonly FileReplacement[] };

/** One after the other; where one throws, those before it have happened. Throws Node.js system errors. */
export async function replaceFiles(replacements: Replacements): Promise<void> {
  if (replacements.files.length < OFF_THREAD_FROM) replaceNow(replacements);
  else await leastBusy().run(replacements);
}

function replaceNow(replacements: Replacements): void {
  for (const file of replacements.files) {
    if (replacements.mode === 'create') writeFileSync(file.path, file.bytes, { flag: 'wx' });
    else if (replacements.mode === 'replace') replaceOne(file, replacements.temporaryPath);
    else if (!refreshed(file)) replaceOne(file, temporaryBeside(file.path));
  }
}

/**
 * Linux lets one rename at a time go from one directory to another, in a whole file system; those within a directory do
 * not wait for each other, so that two threads with directories of their own can go on side by side.
 */
function temporaryBeside(path: string): string {
  return `${path.slice(0, path.lastIndexOf('/') + 1)}${TEMPORARY_BESIDE}`;
}

function replaceOne({ path, bytes }: FileReplacement, temporaryPath: string): void {
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

/**
 * Replacements on their way to the thread. The bytes move in one piece that nothing else shares: a view of a larger buffer
 * would take all of that with it, and each name of its own costs more to pack and unpack than all of them in one text.
 */
interface Request {
  /** Joined by `PATH_END`, which no path contains. */
  readonly paths: string;
  readonly lengths: Uint32Array;
  readonly bytes: Uint8Array;
  readonly mode: Replacements['mode'];
  /** Of `replace` only. */
  readonly temporaryPath: string;
}

const PATH_END = '\0';

function pack(replacements: Replacements): Request {
  const { files } = replacements;
  const lengths = Uint32Array.from(files, ({ bytes }) => bytes.length);
  const bytes = new Uint8Array(lengths.reduce((sum, length) => sum + length, 0));
  let at = 0;
  for (const file of files) {
    bytes.set(file.bytes, at);
    at += file.bytes.length;
  }
  const paths = files.map(({ path }) => path).join(PATH_END);
  const { mode } = replacements;
  return { paths, lengths, bytes, mode, temporaryPath: mode === 'replace' ? replacements.temporaryPath : '' };
}

function unpack({ paths, lengths, bytes, mode, temporaryPath }: Request): Replacements {
  let at = 0;
  const files = paths.split(PATH_END).map((path, index) => {
    const start = at;
    at += lengths[index]!;
    return { path, bytes: bytes.subarray(start, at) };
  });
  return mode === 'replace' ? { mode, files, temporaryPath } : { mode, files };
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

  get requestsUnderWay(): number {
    return this.#waiters.length;
  }

  run(replacements: Replacements): Promise<void> {
    this.#worker ??= this.#start();
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.#waiters.push({ resolve, reject });
    // A process with nothing else to do may end, but not in the middle of this.
    this.#worker.ref();
    const request = pack(replacements);
    this.#worker.postMessage(request, [request.bytes.buffer as ArrayBuffer]);
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

/** One for callers that wait for each request, the second where two are under way at once; more would share a processor. */
const threads = [new ReplacementThread(), new ReplacementThread()] as const;

function leastBusy(): ReplacementThread {
  const [first, second] = threads;
  return second.requestsUnderWay < first.requestsUnderWay ? second : first;
}

function answer(request: Request): Failure | undefined {
  try {
    replaceNow(unpack(request));
    return undefined;
  } catch (error) {
    const { message, code, errno, syscall, path } = error as NodeJS.ErrnoException;
    return { message, code, errno, syscall, path };
  }
}

if (!isMainThread && workerData === PROGRAM) {
  parentPort?.on('message', (request: Request) => parentPort?.postMessage(answer(request)));
}
