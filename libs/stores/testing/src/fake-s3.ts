/**
 * A small S3 server in this process: one account, objects in memory, and faults to order. It speaks what the store speaks
 * and is strict where servers are: it knows its key, verifies Content-MD5 and honours If-None-Match.
 */
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export const FAKE_S3_ACCESS = {
  awsAccessKeyId: 'AKFAKE',
  awsSecretAccessKey: 'the-secret-of-the-fake',
  awsSessionToken: '',
  awsRegion: '',
};

export interface S3Fault {
  /** How many requests it hits; all later ones too, if left out. */
  readonly times?: number;
  /** Which requests it hits; all, if left out. */
  readonly method?: string;
  /** `one`: only requests for the object that it hits first, however many are under way at once. */
  readonly objects?: 'one';
  readonly does:
    | { readonly answer: number; readonly code?: string; readonly headers?: Readonly<Record<string, string>> }
    /** The first half of the body, then the end of the connection. */
    | 'truncates'
    /** The whole body, with one bit wrong. */
    | 'flips'
    /** The request is read whole, nothing is done, and the connection ends. */
    | 'cuts'
    /** The request is read whole, and nothing follows. */
    | 'silent'
    /** The answer of something that is no S3 server. */
    | 'page';
}

interface Request {
  readonly method: string;
  readonly bucket: string;
  readonly key: string;
  readonly query: URLSearchParams;
  readonly headers: IncomingMessage['headers'];
  readonly body: Buffer;
}

class S3Refusal extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
  ) {
    super(code);
  }
}

export class FakeS3 implements AsyncDisposable {
  /** Objects by bucket and key. */
  readonly buckets = new Map<string, Map<string, Buffer>>();
  /** `METHOD /bucket/key` of every request that came. */
  readonly requests: string[] = [];
  /** What such a server does not have, `If-None-Match` on a put and the delete of many, is answered with 501. */
  isPlain = false;
  #faults: ActiveFault[] = [];
  readonly #server: Server;

  private constructor() {
    this.#server = createServer((request, response) => {
      this.#serve(request, response).catch((error: unknown) => response.destroy(error as Error));
    });
  }

  static async start(): Promise<FakeS3> {
    const fake = new FakeS3();
    fake.#server.listen(0, '127.0.0.1');
    await once(fake.#server, 'listening');
    return fake;
  }

  get endpoint(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  fault(fault: S3Fault): void {
    this.#faults.push({ ...fault, left: fault.times ?? Infinity });
  }

  heal(): void {
    this.#faults = [];
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const closed = once(this.#server, 'close');
    this.#server.close();
    this.#server.closeAllConnections();
    await closed;
  }

  #faultOf(method: string, path: string): S3Fault['does'] | undefined {
    const fault = this.#faults.find(
      (each) => each.left > 0 && (each.method ?? method) === method && (each.path ?? path) === path,
    );
    if (fault === undefined) return undefined;
    fault.left -= 1;
    if (fault.objects === 'one') fault.path = path;
    return fault.does;
  }

  async #serve(incoming: IncomingMessage, response: ServerResponse): Promise<void> {
    const { method = '', headers } = incoming;
    const url = new URL(incoming.url ?? '/', 'http://fake');
    this.requests.push(`${method} ${url.pathname}`);
    const pieces: Buffer[] = [];
    for await (const piece of incoming as AsyncIterable<Buffer>) pieces.push(piece);
    const body = Buffer.concat(pieces);
    const [, bucket = '', ...parts] = url.pathname.split('/').map(decodeURIComponent);
    const does = this.#faultOf(method, url.pathname);
    if (does === 'silent') return;
    if (does === 'cuts') return void incoming.socket.destroy();
    if (does === 'page') return void response.end('<html><p>It works!</p></html>');
    try {
      if (typeof does === 'object') {
        for (const [name, value] of Object.entries(does.headers ?? {})) response.setHeader(name, value);
        throw new S3Refusal(does.answer, does.code ?? '');
      }
      this.#assertKnown(headers.authorization);
      const answer = this.#answer({ method, bucket, key: parts.join('/'), query: url.searchParams, headers, body });
      send(response, { answer, does, isHead: method === 'HEAD' });
    } catch (error) {
      if (!(error instanceof S3Refusal)) throw error;
      response.statusCode = error.status;
      response.end(method === 'HEAD' || error.code === '' ? '' : errorText(error.code, headers.authorization));
    }
  }

  #assertKnown(authorization = ''): void {
    if (!authorization.includes(`Credential=${FAKE_S3_ACCESS.awsAccessKeyId}/`)) {
      throw new S3Refusal(403, 'InvalidAccessKeyId');
    }
  }

  #answer(request: Request): Answer {
    const { method, bucket, key, query, headers, body } = request;
    const md5 = headers['content-md5'];
    if (md5 !== undefined && md5 !== createHash('md5').update(body).digest('base64')) {
      throw new S3Refusal(400, 'BadDigest');
    }
    if (key === '' && method === 'PUT') {
      if (this.buckets.has(bucket)) throw new S3Refusal(409, 'BucketAlreadyOwnedByYou');
      this.buckets.set(bucket, new Map());
      return {};
    }
    const objects = this.buckets.get(bucket);
    if (objects === undefined) throw new S3Refusal(404, 'NoSuchBucket');
    if (key === '' && method === 'HEAD') return {};
    if (key === '' && method === 'GET') return { body: list(objects, query) };
    if (key === '' && method === 'POST' && query.has('delete')) return { body: this.#deleteMany(objects, request) };
    if (method === 'DELETE') {
      objects.delete(key);
      return { status: 204 };
    }
    if (method === 'PUT') return this.#put(objects, request);
    const bytes = objects.get(key);
    if (bytes === undefined) throw new S3Refusal(404, 'NoSuchKey');
    return ranged(bytes, headers.range);
  }

  #put(objects: Map<string, Buffer>, { bucket, key, headers, body }: Request): Answer {
    const source = headers['x-amz-copy-source'];
    if (typeof source === 'string') {
      const bytes = objects.get(decodeURIComponent(source).slice(bucket.length + 1));
      if (bytes === undefined) throw new S3Refusal(404, 'NoSuchKey');
      objects.set(key, bytes);
      return { body: Buffer.from('<CopyObjectResult><ETag>"x"</ETag></CopyObjectResult>') };
    }
    if (headers['content-md5'] === undefined) throw new S3Refusal(400, 'InvalidDigest');
    if (headers['if-none-match'] === '*') {
      if (this.isPlain) throw new S3Refusal(501, 'NotImplemented');
      if (objects.has(key)) throw new S3Refusal(412, 'PreconditionFailed');
    }
    objects.set(key, body);
    return {};
  }

  #deleteMany(objects: Map<string, Buffer>, { body, headers }: Request): Buffer {
    if (this.isPlain) throw new S3Refusal(501, 'NotImplemented');
    if (headers['content-md5'] === undefined) throw new S3Refusal(400, 'MissingContentMD5');
    const keys = [...body.toString().matchAll(/<Key>([^<]*)<\/Key>/g)].map(([, key]) => key!);
    if (keys.length > 1000) throw new S3Refusal(400, 'MalformedXML');
    const results = keys.map((key) => {
      // One key that each answer leaves out, as servers do with those that failed.
      if (key === this.undeletable) return `<Error><Key>${key}</Key><Code>InternalError</Code></Error>`;
      objects.delete(key);
      return `<Deleted><Key>${key}</Key></Deleted>`;
    });
    return Buffer.from(`<DeleteResult>${results.join('')}</DeleteResult>`);
  }

  /** A key that a delete of many does not delete, and says so. */
  undeletable: string | undefined;
}

interface Answer {
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Buffer;
}

function ranged(bytes: Buffer, header: string | undefined): Answer {
  const range = /^bytes=(\d+)-(\d+)$/.exec(header ?? '');
  if (range === null) return { body: bytes };
  const [start, last] = [Number(range[1]), Math.min(Number(range[2]), bytes.length - 1)];
  if (start >= bytes.length) throw new S3Refusal(416, 'InvalidRange');
  const headers = { 'content-range': `bytes ${start}-${last}/${bytes.length}` };
  return { status: 206, headers, body: bytes.subarray(start, last + 1) };
}

function list(objects: Map<string, Buffer>, query: URLSearchParams): Buffer {
  const prefix = query.get('prefix') ?? '';
  const startAfter = query.get('start-after') ?? '';
  const limit = Math.min(1000, Number(query.get('max-keys') ?? 1000));
  const keys = [...objects.keys()].filter((key) => key.startsWith(prefix) && key > startAfter).sort();
  const contents = keys
    .slice(0, limit)
    .map((key) => `<Contents><Key>${key}</Key><Size>${objects.get(key)!.length}</Size></Contents>`);
  const isTruncated = keys.length > limit;
  return Buffer.from(
    `<ListBucketResult><IsTruncated>${isTruncated}</IsTruncated>${contents.join('')}</ListBucketResult>`,
  );
}

function send(
  response: ServerResponse,
  { answer, does, isHead }: { answer: Answer; does: S3Fault['does'] | undefined; isHead: boolean },
): void {
  const { status = 200, headers = {}, body = Buffer.alloc(0) } = answer;
  const bytes = Buffer.from(body);
  if (does === 'flips' && bytes.length > 0) bytes[bytes.length >> 1] = bytes[bytes.length >> 1]! ^ 1;
  response.setHeader('etag', `"${createHash('md5').update(body).digest('hex')}"`);
  response.setHeader('x-amz-request-id', 'fake');
  response.writeHead(status, { ...headers, ...(status === 204 ? {} : { 'content-length': bytes.length }) });
  if (isHead || status === 204) response.end();
  else if (does === 'truncates') response.write(bytes.subarray(0, bytes.length >> 1), () => response.destroy());
  else response.end(bytes);
}

/** As chatty as real ones are: what they repeat of the request must not reach a log. */
function errorText(code: string, authorization = ''): string {
  const id = /Credential=([^/]*)/.exec(authorization)?.[1] ?? '';
  return `<Error><Code>${code}</Code><Message>told about ${id}</Message><AWSAccessKeyId>${id}</AWSAccessKeyId></Error>`;
}
interface ActiveFault extends S3Fault {
  left: number;
  path?: string;
}
