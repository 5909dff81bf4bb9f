/** What a trace of one upload and one download shows. */
import { context, trace } from '@opentelemetry/api';
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';
import { InMemorySpanExporter, SimpleSpanProcessor, TracerProvider } from '@opentelemetry/sdk-trace';
import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { CHUNK_SIZE, get, openInstallation, put, temporaryPaths } from './installation.js';

const exporter = new InMemorySpanExporter();

beforeAll(() => {
  context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
  trace.setGlobalTracerProvider(new TracerProvider({ spanProcessors: [new SimpleSpanProcessor({ exporter })] }));
});

afterAll(() => {
  trace.disable();
  context.disable();
});

/** Each finished span as `parent > name`, in alphabetical order; then forgets them. */
function takeTree(): string[] {
  const spans = exporter.getFinishedSpans();
  const nameOf = (spanId: string | undefined): string =>
    spans.find((span) => span.spanContext().spanId === spanId)?.name ?? 'root';
  const tree = spans.map((span) => `${nameOf(span.parentSpanContext?.spanId)} > ${span.name}`).sort();
  exporter.reset();
  return tree;
}

it('a large upload and its download are traced step by step', async () => {
  await using paths = await temporaryPaths();
  const store = await openInstallation(paths);
  const { fileId } = await put(store.files, 'large', randomBytes(2 * CHUNK_SIZE + 1));
  expect(takeTree()).toEqual([
    'root > write_file',
    'write_file > chunk_stream',
    'write_file > invalidate_cache',
    'write_file > save_metadata',
    'write_file > upload_chunks',
    'write_file > wal_append',
  ]);
  await get(store.files, fileId);
  expect(takeTree()).toEqual([
    'fetch_chunks_parallel > download_chunk_0',
    'fetch_chunks_parallel > download_chunk_1',
    'fetch_chunks_parallel > download_chunk_2',
    'read_file > cache_lookup',
    'read_file > db_lookup',
    'read_file > fetch_chunk_metadata',
    'read_file > fetch_chunks_parallel',
    'read_file > reassemble_chunks',
    'root > read_file',
  ]);
  await get(store.files, fileId);
  expect(takeTree()).not.toContain('read_file > db_lookup');
  await store.close();
});
