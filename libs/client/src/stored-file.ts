/** What the server says of a file, checked where it enters: the rest of a client relies on these members. */
import { isChunkId, isFileId } from '#libs/kernel';
import type { FileId } from '#libs/kernel';
import { clientError } from './client-error.js';

/** As the server gives it, in its own words; members of a later version are kept. */
export interface StoredFile {
  readonly file_id: FileId;
  readonly file_name: string;
  /** Bytes. */
  readonly file_size: number;
  readonly content_type: string;
  /** 64 lower-case hex digits. */
  readonly sha256: string;
  readonly chunk_size: number;
  readonly chunk_count: number;
  /** Milliseconds since the Unix epoch. */
  readonly created_at: number;
  readonly log_id: string;
  readonly lsn: number;
  readonly replication: {
    readonly mode: string;
    readonly wait: number;
    readonly stores: readonly { readonly name: string; readonly state: string }[];
  };
}

export interface FilePage {
  readonly files: readonly StoredFile[];
  readonly next_cursor: string | null;
}

/** 64 hex digits: what a chunk is named by is what a file is tagged with. */
export const isSha256 = isChunkId as (text: string) => boolean;

/** Throws `invalid_answer`. */
export function storedFile(answer: unknown): StoredFile {
  const file = members(answer);
  const isSound =
    isFileId(String(file['file_id'])) &&
    typeof file['file_name'] === 'string' &&
    Number.isSafeInteger(file['file_size']) &&
    Number(file['file_size']) >= 0 &&
    isSha256(String(file['sha256']));
  if (!isSound) throw notOurs('it does not describe a file');
  return answer as StoredFile;
}

/** Throws `invalid_answer`. */
export function filePage(answer: unknown): FilePage {
  const { files, next_cursor: cursor } = members(answer);
  if (!Array.isArray(files)) throw notOurs('it is no list of files');
  if (cursor !== null && typeof cursor !== 'string') throw notOurs('it does not say where the list goes on');
  return { files: files.map(storedFile), next_cursor: cursor };
}

export function members(answer: unknown): Readonly<Record<string, unknown>> {
  return typeof answer === 'object' && answer !== null ? { ...answer } : {};
}

function notOurs(reason: string) {
  return clientError('invalid_answer', `The answer is not one of a Holdfast server: ${reason}.`);
}
