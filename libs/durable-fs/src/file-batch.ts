/**
 * Creates, renames and replaces many small files by synchronous calls in threads of their own. Creating and renaming a file
 * costs 40 µs where all goes well and a multiple of that where the file system has to look for an inode; on the main thread
 * every request would wait for it, and through libuv's pool each single call would cost a trip there and back.
 *
 * The file is also the thread's program, so it imports nothing but Node.
 */
import { closeSync, constants, openSync, readSync, renameSync, rmSync, writeFileSync, writeSync } from 'node:fs';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';

export interface FileReplacement {
  readonly path: string;
  readonly bytes: Uint8Array;
}

export interface FileRename {
  readonly from: string;
  readonly to: string;
}

/** Below this the trip to the thread costs more than the calls. */
const OFF_THREAD_FROM = 4;
const PROGRAM = 'holdfast-file-batch';
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
  const { mode, files } = replacements;
  if (files.length < OFF_THREAD_FROM) {
    replaceNow(replacements);
    return;
  }
  const temporaryPath = mode === 'replace' ? replacements.temporaryPath : '';
  await runInThread({ ...pack(files), mode, temporaryPath });
}

/** One after the other; where one throws, those before it have happened. Always in a thread, so it is for many. */
export async function renameFiles(renames: readonly FileRename[]): Promise<void> {
  if (renames.length > 0) {
    const paths = renames.flatMap(({ from, to }) => [from, to]).join(PATH_END);
    await runInThread({ ...NOTHING, mode: 'rename', paths });
  }
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
  readonly mode: Replacements['mode'] | 'rename';
  /** Joined by `PATH_END`, which no path contains; of `rename` each name and the new one behind it. */
  readonly paths: string;
  /** What the files get, and of how many bytes each. */
  readonly lengths: Uint32Array;
  readonly bytes: Uint8Array;
  /** Of `replace` only. */
  readonly temporaryPath: string;
}

const PATH_END = '\0';
const NOTHING = { lengths: new Uint32Array(), bytes: new Uint8Array(), temporaryPath: '' };

function pack(files: readonly FileReplacement[]): Pick<Request, 'paths' | 'lengths' | 'bytes'> {
  const lengths = Uint32Array.from(files, ({ bytes }) => bytes.length);
  const bytes = new Uint8Array(lengths.reduce((sum, length) => sum + length, 0));
  let at = 0;
  for (const file of files) {
    bytes.set(file.bytes, at);
    at += file.bytes.length;
  }
  return { paths: files.map(({ path }) => path).join(PATH_END), lengths, bytes };
}

function unpack({ paths, lengths, bytes }: Request): FileReplacement[] {
  let at = 0;
  return paths.split(PATH_END).map((path, index) => {
    const start = at;
    at += lengths[index]!;
    return { path, bytes: bytes.subarray(start, at) };
  });
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
class BatchThread {
  #worker: Worker | undefined;
  #waiters: Waiter[] = [];
  /** When it last took up a request or answered one, by the monotonic clock. */
  #lastSignMs = 0;

  get requestsUnderWay(): number {
    return this.#waiters.length;
  }

  /** Whether its disk may have stopped answering, so that nobody else should wait behind that. */
  get seemsHung(): boolean {
    return this.#waiters.length > 0 && performance.now() - this.#lastSignMs > HUNG_AFTER_MS;
  }

  run(request: Request): Promise<void> {
    this.#worker ??= this.#start();
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    if (this.#waiters.length === 0) this.#lastSignMs = performance.now();
    this.#waiters.push({ resolve, reject });
    // A process with nothing else to do may end, but not in the middle of this.
    this.#worker.ref();
    this.#worker.postMessage(request, request.bytes.length === 0 ? [] : [request.bytes.buffer as ArrayBuffer]);
    return promise;
  }

  #start(): Worker {
    const worker = new Worker(new URL(import.meta.url), { workerData: PROGRAM });
    worker.on('message', (failure: Failure | undefined) => {
      this.#lastSignMs = performance.now();
      const waiter = this.#waiters.shift();
      if (this.#waiters.length === 0) worker.unref();
      if (failure === undefined) waiter?.resolve();
      else waiter?.reject(Object.assign(new Error(failure.message), failure));
    });
    worker.on('error', (error: Error) => this.#lose(error));
    worker.on('exit', () => this.#lose(new Error('a thread that works on files ended')));
    return worker;
  }

  #lose(error: Error): void {
    this.#worker = undefined;
    for (const { reject } of this.#waiters.splice(0)) reject(error);
  }
}

/** One for callers that wait for each request, the second where two are under way at once; more would share a processor. */
const THREADS = 2;
/** With those that wait for a disk that does not answer. */
const MAX_THREADS = 10;
const HUNG_AFTER_MS = 1_000;
const threads: BatchThread[] = [];

function runInThread(request: Request): Promise<void> {
  return leastBusy().run(request);
}

function leastBusy(): BatchThread {
  const answering = threads.filter((thread) => !thread.seemsHung);
  if (answering.length < THREADS && threads.length < MAX_THREADS && answering.every(isBusy)) {
    const thread = new BatchThread();
    threads.push(thread);
    return thread;
  }
  const candidates = answering.length > 0 ? answering : threads;
  return candidates.reduce((least, thread) => (thread.requestsUnderWay < least.requestsUnderWay ? thread : least));
}

function isBusy({ requestsUnderWay }: BatchThread): boolean {
  return requestsUnderWay > 0;
}

function answer(request: Request): Failure | undefined {
  try {
    perform(request);
    return undefined;
  } catch (error) {
    const { message, code, errno, syscall, path } = error as NodeJS.ErrnoException;
    return { message, code, errno, syscall, path };
  }
}

function perform(request: Request): void {
  const { mode, paths, temporaryPath } = request;
  if (mode === 'rename') renameNow(paths.split(PATH_END));
  else if (mode === 'replace') replaceNow({ mode, files: unpack(request), temporaryPath });
  else replaceNow({ mode, files: unpack(request) });
}

function renameNow(names: readonly string[]): void {
  for (let index = 0; index < names.length; index += 2) renameSync(names[index]!, names[index + 1]!);
}

if (!isMainThread && workerData === PROGRAM) {
  parentPort?.on('message', (request: Request) => parentPort?.postMessage(answer(request)));
}
