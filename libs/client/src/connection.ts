/**
 * One request and its answer, without a second try. An attempt ends when its caller aborts it, or when no byte has moved
 * for `idleMs`: a server that was frozen, or a network that is gone, closes nothing.
 */
import { ClientError, clientError } from './client-error.js';
import { connectionFailure } from './connection-failure.js';
import type { Contact } from './retry.js';
import type { ServerAddress } from './server-address.js';
import { members } from './stored-file.js';

/** No problem of the server is longer; what is longer is somebody else's page. */
const MAX_PROBLEM_BYTES = 64 * 1024;

export interface Call {
  readonly method: 'GET' | 'PUT' | 'POST' | 'DELETE';
  readonly path: string;
  readonly query?: Readonly<Record<string, string | undefined>>;
  readonly headers?: Readonly<Record<string, string>>;
  /** Streams are pulled only when the connection stands. */
  readonly body?: ReadableStream<Uint8Array> | Uint8Array<ArrayBuffer> | undefined;
  readonly signal: AbortSignal | undefined;
  /** A status that is an answer to this call, though it is none of success. */
  readonly answeredBy?: number;
}

export class Connection implements Contact {
  readonly #address: ServerAddress;
  readonly #idleMs: number;
  #hadContact = false;

  constructor(address: ServerAddress, idleMs: number) {
    this.#address = address;
    this.#idleMs = idleMs;
  }

  get hadContact(): boolean {
    return this.#hadContact;
  }

  get url(): string {
    return this.#address.url;
  }

  /** A new attempt. Whoever begins one ends it. */
  begin(signal: AbortSignal | undefined): Attempt {
    return new Attempt({ url: this.url, idleMs: this.#idleMs, signal });
  }

  /** The answer, its body still to be read, where it is a 2xx. Throws `ClientError`, and what the signal is aborted with. */
  async send(
    attempt: Attempt,
    { method, path, query, headers, body, answeredBy }: Omit<Call, 'signal'>,
  ): Promise<Response> {
    const response = await attempt.during(() =>
      fetch(this.#address.route(path, query), {
        method,
        // Compressed bytes would be others than those that the entity tag is the digest of.
        headers: { ...headers, 'accept-encoding': 'identity', ...this.#address.headers() },
        redirect: 'manual',
        signal: attempt.signal,
        ...(body === undefined ? {} : { body, duplex: 'half' as const }),
      }),
    );
    this.#hadContact = true;
    if (response.ok || response.status === answeredBy) return response;
    throw await refusal(response, attempt);
  }

  /** The JSON of the answer, undefined for a 204. */
  async ask({ signal, ...call }: Call): Promise<unknown> {
    const attempt = this.begin(signal);
    try {
      const response = await this.send(attempt, call);
      return await answerJson(response, attempt);
    } finally {
      attempt.end();
    }
  }
}

/** The life of one request. */
export class Attempt {
  readonly signal: AbortSignal;
  readonly #url: string;
  readonly #idleMs: number;
  readonly #callers: AbortSignal | undefined;
  readonly #own = new AbortController();
  #timer: NodeJS.Timeout | undefined;
  #isIdle = false;

  constructor({ url, idleMs, signal }: { url: string; idleMs: number; signal: AbortSignal | undefined }) {
    this.#url = url;
    this.#idleMs = idleMs;
    this.#callers = signal;
    this.signal = signal === undefined ? this.#own.signal : AbortSignal.any([signal, this.#own.signal]);
  }

  /** Waits for the network; what fails there is translated. Time that the caller takes between two waits is not counted. */
  async during<T>(wait: () => Promise<T>): Promise<T> {
    this.#callers?.throwIfAborted();
    this.#timer = setTimeout(() => {
      this.#isIdle = true;
      this.#own.abort();
    }, this.#idleMs);
    try {
      return await wait();
    } catch (error) {
      if (this.#callers?.aborted === true) throw this.#callers.reason;
      if (ClientError.is(error)) throw error;
      if (!this.#isIdle) throw connectionFailure(error, this.#url);
      const detail = `The connection to ${this.#url} was lost: nothing moved for ${Math.ceil(this.#idleMs / 1000)} s.`;
      throw clientError('connection_lost', detail, { cause: error });
    } finally {
      clearTimeout(this.#timer);
      this.#timer = undefined;
    }
  }

  /** A byte has come or gone while the network was waited for. */
  moved(): void {
    this.#timer?.refresh();
  }

  /** Closes the connection unless its answer has been read to the end. */
  end(): void {
    clearTimeout(this.#timer);
    this.#own.abort();
  }
}

/** The body of an answer, piece by piece. */
export async function* pieces(response: Response, attempt: Attempt): AsyncGenerator<Uint8Array, void, undefined> {
  if (response.body === null) return;
  const reader = response.body.getReader();
  for (;;) {
    const { done, value } = await attempt.during(() => reader.read());
    if (done) return;
    yield value as Uint8Array;
  }
}

export async function answerJson(response: Response, attempt: Attempt): Promise<unknown> {
  if (response.status === 204) return undefined;
  const text = await attempt.during(() => response.text());
  try {
    return JSON.parse(text) as unknown;
  } catch (cause) {
    const detail = 'The answer is not one of a Holdfast server: it is no JSON. Is the URL that of the server?';
    throw clientError('invalid_answer', detail, { status: response.status, cause });
  }
}

/** The problem that the server answered with, or what can be said of an answer that is none of its own. */
async function refusal(response: Response, attempt: Attempt): Promise<ClientError> {
  const { status } = response;
  const location = response.headers.get('location');
  if (status >= 300 && status < 400 && location !== null) {
    return clientError('invalid_answer', `The server sends us on to ${location}: use that address.`, { status });
  }
  const problem = members(await problemBody(response, attempt));
  const { code, detail, title, file_id: fileId } = problem;
  return new ClientError({
    code: typeof code === 'string' ? code : `http_${status}`,
    detail: typeof detail === 'string' ? detail : typeof title === 'string' ? title : `It answered ${status}.`,
    status,
    ...(typeof fileId === 'string' ? { fileId } : {}),
    ...retryAfter(response.headers.get('retry-after')),
  });
}

/** An answer that cannot be read to its end is still an answer: its status counts. */
async function problemBody(response: Response, attempt: Attempt): Promise<unknown> {
  let text = '';
  try {
    const decoder = new TextDecoder();
    for await (const piece of pieces(response, attempt)) {
      text += decoder.decode(piece, { stream: true });
      if (text.length > MAX_PROBLEM_BYTES) return undefined;
    }
    return JSON.parse(text) as unknown;
  } catch (error) {
    if (ClientError.is(error) || error instanceof SyntaxError) return undefined;
    throw error;
  }
}

/** Seconds or a date (RFC 9110, section 10.2.3); anything else says nothing. */
export function retryAfter(header: string | null, nowMs = Date.now()): { retryAfterMs?: number } {
  if (header === null) return {};
  if (/^\d{1,9}$/.test(header.trim())) return { retryAfterMs: Number(header) * 1000 };
  const atMs = /^[A-Za-z]{3,9}, /.test(header) ? Date.parse(header) : Number.NaN;
  return Number.isNaN(atMs) ? {} : { retryAfterMs: Math.max(0, atMs - nowMs) };
}
