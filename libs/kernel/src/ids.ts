/**
 * Branded identifiers. An id is parsed once, where it enters the process, and then carried as its own type, so that a
 * chunk id can never be passed where a file id is wanted.
 */
import { randomUUID } from 'node:crypto';
import { StoreError } from './store-error.js';

declare const brand: unique symbol;
type Branded<T, Name extends string> = T & { readonly [brand]: Name };

/** UUIDv7 of a file, lower case, 36 characters. */
export type FileId = Branded<string, 'FileId'>;
/** SHA-256 of a chunk's bytes, 64 lower-case hex digits. */
export type ChunkId = Branded<string, 'ChunkId'>;
/** UUID of one log. Log sequence numbers are comparable only within one log. */
export type LogId = Branded<string, 'LogId'>;
/** UUID of one store (a primary or a replica). */
export type StoreId = Branded<string, 'StoreId'>;
/** UUID of one installation; every store and log of it carries the same. */
export type ClusterId = Branded<string, 'ClusterId'>;
/** UUID of one catalog; a rebuilt catalog has a new one. */
export type CatalogId = Branded<string, 'CatalogId'>;
/** Log sequence number: 1, 2, 3 … one per record of one log; 0 means "before the first". */
export type Lsn = Branded<number, 'Lsn'>;

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;
const UUID_V7 = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;
const SHA256_HEX = /^[0-9a-f]{64}$/;

/** Accepts a UUIDv7 in either case. Throws `invalid_file_id`. */
export function parseFileId(text: string): FileId {
  const lower = text.toLowerCase();
  if (!UUID_V7.test(lower)) {
    throw new StoreError('invalid_file_id', 'A file id is a UUIDv7, such as 01932b7e-8a2c-7c3d-9e4f-5a6b7c8d9e0f.');
  }
  return lower as FileId;
}

export function isFileId(text: string): text is FileId {
  return UUID_V7.test(text);
}

export function isChunkId(text: string): text is ChunkId {
  return SHA256_HEX.test(text);
}

export function isUuid(text: unknown): text is string {
  return typeof text === 'string' && UUID.test(text);
}

/**
 * A new UUIDv7 (RFC 9562, section 5.7): 48 bits of `nowMs`, then 74 random bits. Ids of one millisecond are not ordered;
 * nothing relies on it, order is the log's.
 */
export function newFileId(nowMs: number): FileId {
  if (!Number.isInteger(nowMs) || nowMs < 0 || nowMs >= 2 ** 48)
    throw new RangeError(`48 bits do not hold ${nowMs} ms`);
  const time = nowMs.toString(16).padStart(12, '0');
  // Behind its version digit a random UUID is what a UUIDv7 has there, and Node makes those in advance.
  return `${time.slice(0, 8)}-${time.slice(8)}-7${randomUUID().slice(15)}` as FileId;
}

export function newUuid<Id extends LogId | StoreId | ClusterId | CatalogId>(): Id {
  return randomUUID() as string as Id;
}

/** The 16 bytes of a UUID at `offset`, as text. */
export function uuidFromBytes(bytes: Buffer, offset: number): string {
  const hex = bytes.toString('hex', offset, offset + 16);
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
}

export function uuidToBytes(uuid: string): Buffer {
  return Buffer.from(uuid.replaceAll('-', ''), 'hex');
}

/** `value` as an LSN. LSNs stay below 2^53, so a double holds them exactly. */
export function lsn(value: number): Lsn {
  if (!Number.isSafeInteger(value) || value < 0) throw new RangeError(`not an LSN: ${value}`);
  return value as Lsn;
}

export const NO_LSN = 0 as Lsn;

export function nextLsn(after: Lsn): Lsn {
  return lsn(after + 1);
}
