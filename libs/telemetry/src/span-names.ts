/**
 * The names of all spans, in one place: dashboards and the trace view find steps by name, so a name is never renamed
 * lightly. `SPAN_CHILDREN` is the tree that one read and one write show.
 */

export const SPAN = {
  readFile: 'read_file',
  cacheLookup: 'cache_lookup',
  dbLookup: 'db_lookup',
  fetchChunkMetadata: 'fetch_chunk_metadata',
  fetchChunksParallel: 'fetch_chunks_parallel',
  reassembleChunks: 'reassemble_chunks',
  writeFile: 'write_file',
  chunkStream: 'chunk_stream',
  uploadChunks: 'upload_chunks',
  walAppend: 'wal_append',
  saveMetadata: 'save_metadata',
  invalidateCache: 'invalidate_cache',
  replicateFile: 'replicate_file',
} as const;

export type SpanName = (typeof SPAN)[keyof typeof SPAN] | `download_chunk_${number}`;

/** One per chunk under `fetch_chunks_parallel`; `chunkIndex` counts from 0 within the file. */
export const downloadChunkSpanName = (chunkIndex: number): SpanName => `download_chunk_${chunkIndex}`;

/** `download_chunk_<i>` stands for one child per chunk. A span without an entry is a leaf. */
export const SPAN_CHILDREN = {
  [SPAN.readFile]: [
    SPAN.cacheLookup,
    SPAN.dbLookup,
    SPAN.fetchChunkMetadata,
    SPAN.fetchChunksParallel,
    SPAN.reassembleChunks,
  ],
  [SPAN.fetchChunksParallel]: ['download_chunk_<i>'],
  [SPAN.writeFile]: [
    SPAN.chunkStream,
    SPAN.uploadChunks,
    SPAN.walAppend,
    SPAN.saveMetadata,
    SPAN.invalidateCache,
    SPAN.replicateFile,
  ],
} as const;
