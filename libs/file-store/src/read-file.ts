/**
 * One read: catalog (through the cache) → manifest (verifies itself) → chunks, several in flight, put out in order as
 * fast as the sink takes them. No byte leaves unverified.
 */
import type { FileEntry } from '#libs/catalog';
import { decodeManifest, decodeWholeFrame, StoreError } from '#libs/kernel';
import type { FileContent, FileId } from '#libs/kernel';
import type { Store } from '#libs/stores';
import { SPAN, withSpan } from '#libs/telemetry';
import { ChunkFetcher } from './chunk-fetcher.js';
import type { FileStoreContext } from './context.js';
import { readFromReplicas } from './read-from-replicas.js';
import { planRead } from './read-plan.js';
import type { ChunkPart } from './read-plan.js';
import { fileNotFound } from './receipt.js';
import type { ByteRange, FileSink } from './types.js';
import { readVerifiedChunk } from './verified-chunk.js';

/** Throws `file_not_found`, `manifest_missing`, `manifest_corrupt`, `chunk_missing`, `chunk_corrupt`, or what the sink throws. */
export function readFile(context: FileStoreContext, fileId: FileId, sink: FileSink): Promise<void> {
  return withSpan(SPAN.readFile, { 'file.id': fileId }, async () => {
    const entry = await lookUp(context, fileId);
    const ranges = sink.select(entry).filter(({ start, end }) => start < end);
    if (ranges.length === 0) return;
    const kept = context.cache.content(fileId);
    if (kept !== undefined) {
      await sendInline(kept, ranges, sink);
      return;
    }
    const fetch = (): Promise<FileContent> =>
      withSpan(SPAN.fetchChunkMetadata, undefined, () => fetchContent(context, entry));
    await context.contents.use(fileId, fetch, async (content) => {
      if (content.kind === 'inline') {
        context.cache.putContent(fileId, content.bytes);
        await sendInline(content.bytes, ranges, sink);
      } else {
        const planned = planRead(content.chunks, ranges);
        await withPinnedChunks(context, fileId, planned, (parts) => readChunks(context, { fileId, parts, sink }));
      }
    });
  });
}

function sendInline(bytes: Buffer, ranges: readonly ByteRange[], sink: FileSink): Promise<void> {
  return withSpan(SPAN.reassembleChunks, undefined, async () => {
    for (const { start, end } of ranges) await sink.write(bytes.subarray(start, end));
  });
}

async function lookUp({ cache, catalog }: FileStoreContext, fileId: FileId): Promise<FileEntry> {
  const cached = await withSpan(SPAN.cacheLookup, undefined, async (span) => {
    const hit = cache.get(fileId);
    span.setAttribute('cache.hit', hit !== undefined);
    return hit;
  });
  if (cached !== undefined) return cached;
  return withSpan(SPAN.dbLookup, undefined, async () => {
    const entry = catalog.findFile(fileId);
    if (entry === undefined) throw fileNotFound(fileId);
    cache.put(entry);
    return entry;
  });
}

/** The file's content by its manifest; by that of a replica where the primary's is missing or bad. */
async function fetchContent(context: FileStoreContext, entry: FileEntry): Promise<FileContent> {
  const { primary, catalog } = context;
  const { fileId } = entry;
  try {
    return await readContent(primary, entry);
  } catch (primaryFault) {
    // Deleted since it was looked up, most likely: the manifest goes before the catalog's row, and while apply is halted
    // the row may stay for long.
    const isDeleted = (await primary.has({ kind: 'tombstone', id: fileId })) !== undefined;
    if (isDeleted || catalog.findFile(fileId) === undefined) throw fileNotFound(fileId);
    return readFromReplicas(context, fileId, { primaryFault, read: (replica) => readContent(replica, entry) });
  }
}

/** Throws `manifest_missing`, or `manifest_corrupt` for one that is not that of the record which the catalog holds. */
async function readContent(store: Store, { fileId, logId, lsn }: FileEntry): Promise<FileContent> {
  const context = { file_id: fileId, store: store.identity.name };
  const bytes = await store.get({ kind: 'manifest', id: fileId });
  if (bytes === undefined) {
    throw new StoreError('manifest_missing', 'The manifest of the file is missing.', { context });
  }
  const decoded = decodeWholeFrame(bytes);
  const manifest = decoded.ok ? decodeManifest(decoded.frame) : undefined;
  const isOfRecord = decoded.ok && decoded.frame.logId === logId && decoded.frame.lsn === lsn;
  if (manifest?.fileId !== fileId || !isOfRecord) {
    throw new StoreError('manifest_corrupt', 'The manifest of the file does not match its checksum or its name.', {
      context,
    });
  }
  return manifest.content;
}

/** A read that has begun goes on to its end, however slow, also where the file is deleted and collected meanwhile. */
async function withPinnedChunks(
  { primary, cache, catalog }: FileStoreContext,
  fileId: FileId,
  parts: readonly ChunkPart[],
  read: (parts: readonly ChunkPart[]) => Promise<void>,
): Promise<void> {
  const reader = Symbol('reader');
  try {
    await primary.guard.pin(
      reader,
      parts.map(({ entry }) => entry.chunkId),
    );
    // A file that is there now has had its references all the time: none of its chunks was collected before the pin.
    if ((cache.get(fileId) ?? catalog.findFile(fileId)) === undefined) throw fileNotFound(fileId);
    await read(parts);
  } finally {
    primary.guard.unpin(reader);
  }
}

interface ChunkRead {
  readonly fileId: FileId;
  readonly parts: readonly ChunkPart[];
  readonly sink: FileSink;
}

async function readChunks(context: FileStoreContext, { fileId, parts, sink }: ChunkRead): Promise<void> {
  const { primary, buffers, limits } = context;
  const fetcher = new ChunkFetcher(parts, {
    store: primary,
    buffers,
    parallelism: limits.readParallelism,
    fallBack: (part, into, primaryFault) =>
      readFromReplicas(context, fileId, { primaryFault, read: (replica) => readVerifiedChunk(replica, part, into) }),
  });
  await Promise.all([
    withSpan(SPAN.fetchChunksParallel, { 'chunk.count': parts.length }, () => fetcher.run()),
    withSpan(SPAN.reassembleChunks, undefined, () => reassemble(fetcher, sink)),
  ]);
}

async function reassemble(fetcher: ChunkFetcher, sink: FileSink): Promise<void> {
  try {
    for (let part = await fetcher.next(); part !== undefined; part = await fetcher.next()) {
      try {
        for (const piece of part.pieces) await sink.write(piece);
      } finally {
        part.release();
      }
    }
  } finally {
    await fetcher.cancel();
  }
}
