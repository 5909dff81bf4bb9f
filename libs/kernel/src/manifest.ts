/**
 * The manifest: the one description of a file. It is the `file_put` frame, byte for byte, in the log and on every store;
 * this file knows its payload: an envelope of JSON, then either the file's bytes (flag `inline`) or one 44-byte entry a
 * chunk. Byte boxes: docs/formats/manifest.md.
 */
import type { Frame } from './frame.js';
import type { ChunkId, FileId } from './ids.js';
import { encodeEnvelope, fileIdField, integerField, malformed, readEnvelope, stringField } from './record.js';
import type { JsonObject, RecordDraft } from './record.js';

/** `file_put` flag: the file's bytes follow the JSON; without it chunk entries do. */
export const FLAG_INLINE = 1;

export const CHUNK_ENTRY_BYTES = 44;

export type ReplicationMode = 'async' | 'sync';

/** One chunk of a file, as its manifest entry says: SHA-256, length, stored length, CRC-32C of the stored bytes. */
export interface ChunkEntry {
  readonly chunkId: ChunkId;
  readonly lengthBytes: number;
  readonly storedBytes: number;
  readonly checksum: number;
}

export type FileContent =
  | { readonly kind: 'inline'; readonly bytes: Buffer }
  | { readonly kind: 'chunks'; readonly chunks: readonly ChunkEntry[] };

export interface Manifest {
  readonly fileId: FileId;
  readonly fileName: string;
  readonly fileSize: number;
  readonly contentType: string;
  /** SHA-256 of the whole file, lower-case hex. */
  readonly sha256: string;
  readonly createdAtMs: number;
  readonly mode: ReplicationMode;
  /** Replicas that must confirm before a `sync` upload is answered. */
  readonly wait: number;
  /** Length of every chunk but the last, in bytes. */
  readonly chunkSize: number;
  /** What the uploader named this upload by, so that a retry of it is known. */
  readonly idempotencyKey?: string | undefined;
  readonly content: FileContent;
  /** Keys of the JSON that this version does not know, kept for the next writer. */
  readonly unknown: JsonObject;
}

const KNOWN_KEYS = new Set([
  'file_id',
  'file_name',
  'file_size',
  'content_type',
  'sha256',
  'created_at',
  'mode',
  'wait',
  'chunk_size',
  'codec',
  'idempotency_key',
]);

const CODEC_IDENTITY = 0;

export function manifestDraft(manifest: Manifest): RecordDraft {
  const envelope = encodeEnvelope({
    file_id: manifest.fileId,
    file_name: manifest.fileName,
    file_size: manifest.fileSize,
    content_type: manifest.contentType,
    sha256: manifest.sha256,
    created_at: manifest.createdAtMs,
    mode: manifest.mode,
    wait: manifest.wait,
    chunk_size: manifest.chunkSize,
    codec: CODEC_IDENTITY,
    ...(manifest.idempotencyKey === undefined ? {} : { idempotency_key: manifest.idempotencyKey }),
    ...manifest.unknown,
  });
  const { content } = manifest;
  return content.kind === 'inline'
    ? { type: 'file_put', flags: FLAG_INLINE, payloadParts: [envelope, content.bytes] }
    : { type: 'file_put', flags: 0, payloadParts: [envelope, encodeChunkEntries(content.chunks)] };
}

const SHA256_HEX = /^[0-9a-f]{64}$/;

/** Reads a `file_put` frame; inline bytes share the frame's memory. Throws `manifest_corrupt`. */
export function decodeManifest(frame: Frame): Manifest {
  const { json, rest } = readEnvelope(frame);
  if (integerField(json, 'codec', frame) !== CODEC_IDENTITY) throw malformed(frame, 'its codec is not known here');
  const fileSize = integerField(json, 'file_size', frame);
  const mode = stringField(json, 'mode', frame);
  if (mode !== 'async' && mode !== 'sync') throw malformed(frame, 'mode is neither async nor sync');
  const sha256 = stringField(json, 'sha256', frame);
  if (!SHA256_HEX.test(sha256)) throw malformed(frame, 'sha256 is no digest');
  const content: FileContent =
    (frame.flags & FLAG_INLINE) === 0
      ? { kind: 'chunks', chunks: decodeChunkEntries(rest, frame) }
      : { kind: 'inline', bytes: rest };
  if (contentLength(content) !== fileSize) throw malformed(frame, 'its content is not file_size long');
  return {
    fileId: fileIdField(json, frame),
    fileName: stringField(json, 'file_name', frame),
    fileSize,
    contentType: stringField(json, 'content_type', frame),
    sha256,
    createdAtMs: integerField(json, 'created_at', frame),
    mode,
    wait: integerField(json, 'wait', frame),
    chunkSize: integerField(json, 'chunk_size', frame),
    ...('idempotency_key' in json ? { idempotencyKey: stringField(json, 'idempotency_key', frame) } : {}),
    content,
    unknown: Object.fromEntries(Object.entries(json).filter(([key]) => !KNOWN_KEYS.has(key))),
  };
}

/** Pieces a reader fetches: chunk entries, or one for inline bytes; none for an empty file. */
export function chunkCount({ content }: Pick<Manifest, 'content'>): number {
  if (content.kind === 'chunks') return content.chunks.length;
  return content.bytes.length === 0 ? 0 : 1;
}

function encodeChunkEntries(chunks: readonly ChunkEntry[]): Buffer {
  const table = Buffer.allocUnsafe(chunks.length * CHUNK_ENTRY_BYTES);
  chunks.forEach((chunk, index) => {
    const at = index * CHUNK_ENTRY_BYTES;
    table.write(chunk.chunkId, at, 'hex');
    table.writeUInt32LE(chunk.lengthBytes, at + 32);
    table.writeUInt32LE(chunk.storedBytes, at + 36);
    table.writeUInt32LE(chunk.checksum, at + 40);
  });
  return table;
}

function decodeChunkEntries(table: Buffer, frame: Frame): ChunkEntry[] {
  if (table.length % CHUNK_ENTRY_BYTES !== 0) throw malformed(frame, 'its chunk table is cut');
  const chunks: ChunkEntry[] = [];
  for (let at = 0; at < table.length; at += CHUNK_ENTRY_BYTES) {
    const lengthBytes = table.readUInt32LE(at + 32);
    const storedBytes = table.readUInt32LE(at + 36);
    if (storedBytes !== lengthBytes) throw malformed(frame, 'a chunk is stored with another length than its own');
    const chunkId = table.toString('hex', at, at + 32) as ChunkId;
    chunks.push({ chunkId, lengthBytes, storedBytes, checksum: table.readUInt32LE(at + 40) });
  }
  return chunks;
}

function contentLength(content: FileContent): number {
  if (content.kind === 'inline') return content.bytes.length;
  return content.chunks.reduce((sum, chunk) => sum + chunk.lengthBytes, 0);
}
