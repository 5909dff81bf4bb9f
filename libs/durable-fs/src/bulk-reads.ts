/**
 * Lists large directories, and reads many small files or asks for their sizes, by synchronous calls in threads of their own. A cached open, read and
 * close takes some 5 µs so, and twenty times that through libuv's pool, most of it on the main thread; and the names of a
 * large directory take milliseconds to be sorted, for which every request would wait.
 *
 * A call takes a thread that has nothing to do, so that a mount that hangs holds nobody else's; threads that nobody has
 * asked for a while end. The file is also the threads' program, so it imports nothing but Node.
 */
import { closeSync, openSync, readdirSync, readSync, statSync } from 'node:fs';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';

export interface NamesQuery {
  /** The last name that is known; '' for the first page. */
  readonly after: string;
  readonly limit: number;
  readonly sizes?: 'wanted';
}

/** In the order of their bytes, where these are ASCII. */
export interface NamesPage {
  readonly names: readonly string[];
  /** In bytes, by the index of the name; where they were wanted. What was gone by then is in neither list. */
  readonly sizes?: readonly number[];
  /** Where the next page begins; undefined where this was the last one. */
  readonly next: string | undefined;
}

/** `large`: longer than was to be read. A system error is that of this one file. */
export type SmallFile = Buffer | 'absent' | 'large' | Error;

export interface FilesQuery {
  readonly paths: readonly string[];
  /** Longer ones are not read. */
  readonly maxBytes: number;
}

const PROGRAM = 'holdfast-bulk-reads';
/** As many mounts may hang before a call has to wait for one of them. */
const MAX_THREADS = 8;
const IDLE_MS = 5_000;
const NAME_END = '\0';

/** Throws Node.js system errors. */
export async function readNames(path: string, query: NamesQuery): Promise<NamesPage> {
  const { names, sizes, next } = await ask<NamesAnswer>({ kind: 'names', path, query });
  const split = names === '' ? [] : names.split(NAME_END);
  return sizes === undefined ? { names: split, next } : { names: split, sizes: Array.from(sizes), next };
}

/** By the index of the path. */
export async function readFiles({ paths, maxBytes }: FilesQuery): Promise<SmallFile[]> {
  if (paths.length === 0) return [];
  const answer = await ask<FilesAnswer>({ kind: 'files', paths: paths.join(NAME_END), maxBytes });
  const bytes = Buffer.from(answer.bytes.buffer, answer.bytes.byteOffset, answer.bytes.byteLength);
  let at = 0;
  return Array.from(answer.lengths, (length, index) => {
    if (length === ABSENT) return 'absent';
    if (length === LARGE) return 'large';
    if (length === FAILED) return revived(answer.failures.find((failure) => failure.index === index)!);
    const start = at;
    at += length;
    return bytes.subarray(start, at);
  });
}

/** Of each path in bytes, undefined where nothing has that name. Always in a thread, so it is for many. Throws Node.js system errors. */
export async function sizesOf(paths: readonly string[]): Promise<(number | undefined)[]> {
  if (paths.length === 0) return [];
  const sizes = await ask<Float64Array>({ kind: 'sizes', paths: paths.join(NAME_END) });
  return Array.from(sizes, (sizeBytes) => (sizeBytes === ABSENT ? undefined : sizeBytes));
}

/** A page of names that come in any order. Pure. */
export function pageOfNames(names: readonly string[], { after, limit }: NamesQuery): NamesPage {
  const behind = names.filter((name) => name > after).sort();
  const page = behind.slice(0, limit);
  return { names: page, next: behind.length > limit ? page.at(-1) : undefined };
}

type Request =
  | { readonly kind: 'names'; readonly path: string; readonly query: NamesQuery }
  | { readonly kind: 'files'; readonly paths: string; readonly maxBytes: number }
  | { readonly kind: 'sizes'; readonly paths: string };

/** In one text: each name of its own costs more to pack and unpack than all of them. */
interface NamesAnswer {
  readonly names: string;
  readonly sizes: Float64Array | undefined;
  readonly next: string | undefined;
}

interface FilesAnswer {
  /** Of each file, or one of the three below. */
  readonly lengths: Int32Array;
  readonly bytes: Uint8Array;
  readonly failures: readonly (Failure & { readonly index: number })[];
}

const [ABSENT, LARGE, FAILED] = [-1, -2, -3] as const;

/** What is left of a system error on its way between threads. */
interface Failure {
  readonly message: string;
  readonly code: string | undefined;
  readonly errno: number | undefined;
  readonly syscall: string | undefined;
  readonly path: string | undefined;
}

type Answer = { readonly result: NamesAnswer | FilesAnswer | Float64Array } | { readonly failure: Failure };

/** One call at a time and in turn; started with the first one. */
class ReadingThread {
  readonly #worker = new Worker(new URL(import.meta.url), { workerData: PROGRAM });
  readonly #waiters: PromiseWithResolvers<unknown>[] = [];
  readonly #ended: (thread: ReadingThread) => void;
  #idle: NodeJS.Timeout | undefined;

  constructor(ended: (thread: ReadingThread) => void) {
    this.#ended = ended;
    this.#worker.on('message', (answer: Answer) => this.#settle(answer));
    this.#worker.on('error', (error: Error) => this.#lose(error));
    this.#worker.on('exit', () => this.#lose(new Error('the thread that reads files ended')));
  }

  get callsUnderWay(): number {
    return this.#waiters.length;
  }

  ask(request: Request): Promise<unknown> {
    clearTimeout(this.#idle);
    const waiter = Promise.withResolvers<unknown>();
    this.#waiters.push(waiter);
    this.#worker.ref();
    this.#worker.postMessage(request);
    return waiter.promise;
  }

  #settle(answer: Answer): void {
    const waiter = this.#waiters.shift();
    if (this.#waiters.length === 0) this.#rest();
    if ('result' in answer) waiter?.resolve(answer.result);
    else waiter?.reject(revived(answer.failure));
  }

  #rest(): void {
    this.#worker.unref();
    this.#idle = setTimeout(() => {
      this.#ended(this);
      void this.#worker.terminate();
    }, IDLE_MS);
    this.#idle.unref();
  }

  #lose(error: Error): void {
    this.#ended(this);
    for (const { reject } of this.#waiters.splice(0)) reject(error);
  }
}

let threads: ReadingThread[] = [];

async function ask<Result>(request: Request): Promise<Result> {
  const [first] = threads.toSorted((one, other) => one.callsUnderWay - other.callsUnderWay);
  let thread = first;
  if (thread === undefined || (thread.callsUnderWay > 0 && threads.length < MAX_THREADS)) {
    thread = new ReadingThread((ended) => (threads = threads.filter((other) => other !== ended)));
    threads.push(thread);
  }
  return (await thread.ask(request)) as Result;
}

function revived({ message, code, errno, syscall, path }: Failure): Error {
  return Object.assign(new Error(message), { code, errno, syscall, path });
}

// In the thread.

function namesNow(path: string, query: NamesQuery): NamesAnswer {
  const { names, next } = pageOfNames(readdirSync(path), query);
  if (query.sizes === undefined) return { names: names.join(NAME_END), sizes: undefined, next };
  const sizes = names.map((name) => statSync(`${path}/${name}`, { throwIfNoEntry: false })?.size);
  return {
    names: names.filter((_, index) => sizes[index] !== undefined).join(NAME_END),
    sizes: Float64Array.from(sizes.filter((size) => size !== undefined)),
    next,
  };
}

function sizesNow(paths: readonly string[]): Float64Array {
  return Float64Array.from(paths, (path) => statSync(path, { throwIfNoEntry: false })?.size ?? ABSENT);
}

function filesNow(paths: readonly string[], maxBytes: number): FilesAnswer {
  const into = Buffer.allocUnsafeSlow(maxBytes + 1);
  const lengths = new Int32Array(paths.length);
  const contents: Buffer[] = [];
  const failures: (Failure & { index: number })[] = [];
  for (const [index, path] of paths.entries()) {
    try {
      const length = lengthRead(path, into);
      lengths[index] = length > maxBytes ? LARGE : length;
      if (length <= maxBytes) contents.push(Buffer.from(into.subarray(0, length)));
    } catch (error) {
      const failure = failureOf(error);
      lengths[index] = failure.code === 'ENOENT' ? ABSENT : FAILED;
      if (failure.code !== 'ENOENT') failures.push({ ...failure, index });
    }
  }
  const bytes = new Uint8Array(contents.reduce((total, content) => total + content.length, 0));
  let at = 0;
  for (const content of contents) {
    bytes.set(content, at);
    at += content.length;
  }
  return { lengths, bytes, failures };
}

function lengthRead(path: string, into: Buffer): number {
  const descriptor = openSync(path, 'r');
  try {
    let filled = 0;
    while (filled < into.length) {
      const count = readSync(descriptor, into, filled, into.length - filled, filled);
      if (count === 0) break;
      filled += count;
    }
    return filled;
  } finally {
    closeSync(descriptor);
  }
}

function failureOf(error: unknown): Failure {
  const { message, code, errno, syscall, path } = error as NodeJS.ErrnoException;
  return { message, code, errno, syscall, path };
}

function answer(request: Request): { readonly answer: Answer; readonly moved: ArrayBuffer[] } {
  try {
    if (request.kind === 'names') return { answer: { result: namesNow(request.path, request.query) }, moved: [] };
    if (request.kind === 'sizes') return { answer: { result: sizesNow(request.paths.split(NAME_END)) }, moved: [] };
    const result = filesNow(request.paths.split(NAME_END), request.maxBytes);
    return { answer: { result }, moved: [result.bytes.buffer as ArrayBuffer] };
  } catch (error) {
    return { answer: { failure: failureOf(error) }, moved: [] };
  }
}

if (!isMainThread && workerData === PROGRAM) {
  parentPort?.on('message', (request: Request) => {
    const { answer: reply, moved } = answer(request);
    parentPort?.postMessage(reply, moved);
  });
}
