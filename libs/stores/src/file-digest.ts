/**
 * The digests of a file that is cut into chunks: SHA-256 and CRC-32C of each, and SHA-256 of the whole. Where the memory of
 * the chunks is shared they are made in a thread of their own: `crypto.subtle` would copy every chunk for its trip to the
 * thread pool, on the main thread, and each copy brings the next garbage collection nearer.
 *
 * The file is also the thread's program, so it imports nothing but Node and the checksum.
 */
import { crc32c } from '@node-rs/crc32';
import { createHash, hash } from 'node:crypto';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';

export interface ChunkDigest {
  /** SHA-256 in hexadecimal: the chunk's name. */
  readonly sha256: string;
  /** CRC-32C, unsigned 32 bits. */
  readonly checksum: number;
}

/** Below this the trip to the thread costs more than the digests. */
const OFF_THREAD_FROM_BYTES = 64 * 1024;
const PROGRAM = 'holdfast-file-digest';

/** The digests of one file. To be ended or abandoned, both at most once. */
export class FileDigest {
  #inThread: ThreadFile | undefined;
  #here: PlainDigest | undefined;

  /** The next chunk, in the order of the file; `bytes` must not change before this resolves. Throws where the thread died. */
  async add(bytes: Buffer): Promise<ChunkDigest> {
    if (this.#inThread === undefined && this.#here === undefined) this.#begin(bytes);
    return this.#inThread === undefined ? this.#here!.add(bytes) : this.#inThread.add(bytes);
  }

  /** SHA-256 of the whole, in hexadecimal. Throws where the thread died. */
  async end(): Promise<string> {
    const inThread = this.#inThread;
    this.#inThread = undefined;
    return inThread === undefined ? (this.#here ?? new PlainDigest()).end() : inThread.end();
  }

  /** Where it comes to no end; behind one it does nothing. */
  abandon(): void {
    this.#inThread?.abandon();
    this.#inThread = undefined;
  }

  #begin(bytes: Buffer): void {
    // A message takes what is not shared along as a copy, with all that the buffer is a part of.
    const isShared = bytes.buffer instanceof SharedArrayBuffer;
    if (isShared && bytes.length >= OFF_THREAD_FROM_BYTES) this.#inThread = DigestThread.current().file();
    else this.#here = new PlainDigest();
  }
}

class PlainDigest {
  readonly #whole = createHash('sha256');
  #isBegun = false;

  add(bytes: Uint8Array): ChunkDigest {
    this.#whole.update(bytes);
    // Up to its end the first chunk is the whole.
    const sha256 = this.#isBegun ? hash('sha256', bytes, 'hex') : this.#whole.copy().digest('hex');
    this.#isBegun = true;
    return { sha256, checksum: crc32c(bytes) };
  }

  end(): string {
    return this.#whole.digest('hex');
  }
}

/** `file` is its number; one that is new begins with its first chunk. */
type Request =
  { readonly file: number; readonly bytes: Uint8Array } | { readonly file: number; readonly step: 'end' | 'abandon' };

type Answer = ChunkDigest | string;

interface Waiter {
  readonly resolve: (answer: Answer) => void;
  readonly reject: (error: Error) => void;
}

interface ThreadFile {
  add(bytes: Buffer): Promise<ChunkDigest>;
  end(): Promise<string>;
  abandon(): void;
}

/** Answers come in the order of the requests, and none to an `abandon`. */
class DigestThread {
  static #current: DigestThread | undefined;
  readonly #worker = new Worker(new URL(import.meta.url), { workerData: PROGRAM });
  readonly #waiters: Waiter[] = [];
  #files = 0;
  #end: Error | undefined;

  /** One for all files; started with the first, and anew behind the end of one. */
  static current(): DigestThread {
    return (this.#current ??= new DigestThread());
  }

  private constructor() {
    this.#worker.unref();
    this.#worker.on('message', (answer: Answer) => {
      this.#waiters.shift()?.resolve(answer);
      if (this.#waiters.length === 0) this.#worker.unref();
    });
    this.#worker.on('error', (error: Error) => this.#lose(error));
    this.#worker.on('exit', () => this.#lose(new Error('the thread that digests files ended')));
  }

  /** A file stays with this thread: another one would not have seen the chunks before. */
  file(): ThreadFile {
    this.#files += 1;
    const file = this.#files;
    return {
      add: async (bytes) => (await this.#ask({ file, bytes })) as ChunkDigest,
      end: async () => (await this.#ask({ file, step: 'end' })) as string,
      abandon: () => this.#worker.postMessage({ file, step: 'abandon' } satisfies Request),
    };
  }

  #ask(request: Request): Promise<Answer> {
    if (this.#end !== undefined) return Promise.reject(this.#end);
    const { promise, resolve, reject } = Promise.withResolvers<Answer>();
    this.#waiters.push({ resolve, reject });
    // A process with nothing else to do may end, but not in the middle of this.
    this.#worker.ref();
    this.#worker.postMessage(request);
    return promise;
  }

  #lose(error: Error): void {
    this.#end ??= error;
    if (DigestThread.#current === this) DigestThread.#current = undefined;
    for (const { reject } of this.#waiters.splice(0)) reject(this.#end);
  }
}

/** What the thread does; it keeps a digest for each file that is under way. */
function answering(): (request: Request) => Answer | undefined {
  const digests = new Map<number, PlainDigest>();
  return (request) => {
    const digest = digests.get(request.file) ?? new PlainDigest();
    digests.set(request.file, digest);
    if ('bytes' in request) return digest.add(request.bytes);
    digests.delete(request.file);
    return request.step === 'end' ? digest.end() : undefined;
  };
}

if (!isMainThread && workerData === PROGRAM) {
  const answerTo = answering();
  parentPort?.on('message', (request: Request) => {
    const answer = answerTo(request);
    if (answer !== undefined) parentPort?.postMessage(answer);
  });
}
