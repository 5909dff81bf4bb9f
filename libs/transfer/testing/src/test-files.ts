/** Files as the api leaves them on its primary: a manifest that is a frame, chunks named by their digests. */
import {
  chunkChecksum,
  encodeFrame,
  fileDeleteDraft,
  frameLength,
  lsn,
  manifestDraft,
  newFileId,
  RECORD_TYPES,
} from '#libs/kernel';
import type { ChunkEntry, ChunkId, FileContent, FileId, LogId, RecordDraft } from '#libs/kernel';
import type { Store, StoredObject } from '#libs/stores';
import { createHash } from 'node:crypto';

export interface TestFile {
  readonly fileId: FileId;
  readonly sizeBytes: number;
  readonly manifest: StoredObject;
  readonly tombstone: StoredObject;
  readonly chunks: readonly StoredObject[];
}

const LOG_ID = '109109e0-0000-4000-8000-000000000001' as LogId;
let serial = 0;

/** A file of these chunks, or, of one text, an inline one. `name` tells two manifests of one file id apart. */
export function fileOf(
  content: string | readonly (string | Buffer)[],
  options: { fileId?: FileId; name?: string } = {},
) {
  const fileId = options.fileId ?? newFileId(1_764_000_000_000 + serial);
  const parts = (typeof content === 'string' ? [content] : content).map((part) => Buffer.from(part));
  const whole = Buffer.concat(parts);
  const entries = parts.map(entryOf);
  const stored: FileContent =
    typeof content === 'string' ? { kind: 'inline', bytes: whole } : { kind: 'chunks', chunks: entries };
  const draft = manifestDraft({
    fileId,
    fileName: options.name ?? 'file',
    fileSize: whole.length,
    contentType: 'text/plain',
    sha256: createHash('sha256').update(whole).digest('hex'),
    createdAtMs: 1_764_000_000_000,
    mode: 'async',
    wait: 0,
    chunkSize: parts[0]?.length ?? 1,
    content: stored,
    unknown: {},
  });
  const file: TestFile = {
    fileId,
    sizeBytes: whole.length,
    manifest: { key: { kind: 'manifest', id: fileId }, bytes: frameOf(draft) },
    tombstone: {
      key: { kind: 'tombstone', id: fileId },
      bytes: frameOf(fileDeleteDraft({ fileId, deletedAtMs: 1_764_000_000_500 })),
    },
    chunks:
      stored.kind === 'inline'
        ? []
        : entries.map(({ chunkId }, index) => ({ key: { kind: 'chunk', id: chunkId }, bytes: parts[index]! })),
  };
  return file;
}

export async function putInto(store: Store, ...files: readonly TestFile[]): Promise<void> {
  for (const { chunks, manifest } of files) await store.putAll([...chunks, manifest]);
}

/** As apply does: the tombstone, then the manifest. */
export async function deleteFrom(store: Store, ...files: readonly TestFile[]): Promise<void> {
  for (const { tombstone, manifest } of files) {
    await store.put(tombstone.key, tombstone.bytes);
    await store.delete(manifest.key);
  }
}

function entryOf(bytes: Buffer): ChunkEntry {
  const chunkId = createHash('sha256').update(bytes).digest('hex') as ChunkId;
  return { chunkId, lengthBytes: bytes.length, storedBytes: bytes.length, checksum: chunkChecksum(bytes) };
}

function frameOf({ type, flags, payloadParts }: RecordDraft): Buffer {
  serial += 1;
  const payloadBytes = payloadParts.reduce((sum, part) => sum + part.byteLength, 0);
  const fields = {
    prev: 1,
    type: RECORD_TYPES[type],
    flags,
    lsn: lsn(serial),
    durableLsn: lsn(serial - 1),
    logId: LOG_ID,
    endMark: '0102030405060708',
  };
  return encodeFrame(Buffer.alloc(frameLength(payloadBytes)), 0, fields, payloadParts).bytes;
}
