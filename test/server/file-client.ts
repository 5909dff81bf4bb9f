/** The calls of the API that most tests start from. */
import { ask } from './http-client.js';
import type { Answer } from './http-client.js';

export interface StoredFile {
  readonly file_id: string;
  readonly file_name: string;
  readonly file_size: number;
  readonly content_type: string;
  readonly sha256: string;
  readonly chunk_size: number;
  readonly chunk_count: number;
  readonly created_at: number;
  readonly log_id: string;
  readonly lsn: number;
  readonly replication: {
    readonly mode: string;
    readonly wait: number;
    readonly stores: readonly { readonly name: string; readonly state: string }[];
  };
}

export interface NewFile {
  readonly name: string;
  readonly content: Buffer | string;
  readonly contentType?: string;
}

export function putRaw(url: string, { name, content, contentType }: NewFile): Promise<Answer> {
  const headers = contentType === undefined ? {} : { 'content-type': contentType };
  return ask(`${url}/write?name=${encodeURIComponent(name)}`, { method: 'PUT', headers, body: content });
}

/** Stores a file or fails the test with what the server says. */
export async function store(url: string, file: NewFile): Promise<StoredFile> {
  const answer = await putRaw(url, file);
  if (answer.status !== 201) throw new Error(`${answer.status}: ${answer.body.toString('utf8')}`);
  return answer.json<StoredFile>();
}

/** A form as a browser sends it. */
export function postForm(url: string, { name, content, contentType }: NewFile): Promise<Answer> {
  const form = new FormData();
  form.append('note', 'a text field before the file');
  const type = contentType === undefined ? {} : { type: contentType };
  form.append('file', new Blob([new Uint8Array(Buffer.from(content))], type), name);
  return sendForm(`${url}/upload`, form);
}

export async function sendForm(url: string, form: FormData): Promise<Answer> {
  const encoded = new Response(form);
  const headers = { 'content-type': encoded.headers.get('content-type') ?? '' };
  return ask(url, { method: 'POST', headers, body: Buffer.from(await encoded.arrayBuffer()) });
}

export interface Problem {
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly detail: string;
  readonly code: string;
}
