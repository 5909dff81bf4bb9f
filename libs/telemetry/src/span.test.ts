import { context, trace, type Span } from '@opentelemetry/api';
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';
import {
  InMemorySpanExporter,
  SamplingDecision,
  SimpleSpanProcessor,
  TracerProvider,
  type ReadableSpan,
  type Sampler,
} from '@opentelemetry/sdk-trace';
import { setImmediate } from 'node:timers/promises';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import { StoreError } from '#libs/kernel';
import { downloadChunkSpanName, SPAN } from './span-names.js';
import { withDetailSpan, withSpan, type SpanDescription } from './span.js';

const exporter = new InMemorySpanExporter();
let dropRoots: 'yes' | 'no' = 'no';
/** Drops a root when told to; a child is dropped exactly when its parent was. */
const sampler: Sampler = {
  shouldSample: (parentContext) => {
    const parent = trace.getSpanContext(parentContext);
    const isSampled = parent === undefined ? dropRoots === 'no' : (parent.traceFlags & 1) === 1;
    return { decision: isSampled ? SamplingDecision.RECORD_AND_SAMPLED : SamplingDecision.NOT_RECORD };
  },
  toString: () => 'test sampler',
};

const describeChunk = (chunkIndex: number): SpanDescription => ({
  name: downloadChunkSpanName(chunkIndex),
  attributes: { chunk_index: chunkIndex },
});
const describeUnexpectedly = (): SpanDescription => {
  throw new Error('nobody listens');
};

/** Each finished span as `parent > name`, in alphabetical order. */
function tree(): string[] {
  const spans = exporter.getFinishedSpans();
  const nameOf = (spanId: string | undefined) => spans.find((span) => span.spanContext().spanId === spanId)?.name;
  return spans.map((span) => `${nameOf(span.parentSpanContext?.spanId) ?? 'root'} > ${span.name}`).sort();
}

function onlySpan(): ReadableSpan {
  const [span, ...others] = exporter.getFinishedSpans();
  expect(others).toEqual([]);
  if (span === undefined) throw new Error('no span was exported');
  return span;
}

describe('without an SDK', () => {
  it('runs the work, answers its value and throws its error as they are', async () => {
    const failure = new Error('no');
    await expect(withSpan(SPAN.readFile, { file_size: 1 }, async () => 7)).resolves.toBe(7);
    await expect(withSpan(SPAN.readFile, undefined, () => Promise.reject(failure))).rejects.toBe(failure);
    await expect(withDetailSpan(describeUnexpectedly, 0, async () => 8)).resolves.toBe(8);
    const throwEarly = () => {
      throw failure;
    };
    await expect(withSpan(SPAN.readFile, undefined, throwEarly)).rejects.toBe(failure);
    await expect(withDetailSpan(describeUnexpectedly, 0, throwEarly)).rejects.toBe(failure);
  });

  it('hands the work a span that ignores every call', async () => {
    const useSpan = async (span: Span) => span.setAttribute('a', 1).addEvent('b').isRecording();
    await expect(withSpan(SPAN.readFile, undefined, useSpan)).resolves.toBe(false);
    await expect(withDetailSpan(describeUnexpectedly, 0, useSpan)).resolves.toBe(false);
  });
});

describe('with an SDK', () => {
  beforeAll(() => {
    context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
    trace.setGlobalTracerProvider(
      new TracerProvider({ sampler, spanProcessors: [new SimpleSpanProcessor({ exporter })] }),
    );
  });

  afterEach(() => {
    exporter.reset();
    dropRoots = 'no';
  });

  it('nests across awaits and keeps parallel branches apart', async () => {
    await withSpan(SPAN.readFile, undefined, async () => {
      await setImmediate();
      await withSpan(SPAN.dbLookup, undefined, () => setImmediate());
      await withSpan(SPAN.fetchChunksParallel, undefined, async () => {
        const chunks = [0, 1, 2].map((index) => withDetailSpan(describeChunk, index, () => setImmediate()));
        await Promise.all(chunks);
      });
      await Promise.all([
        withSpan(SPAN.cacheLookup, undefined, () => setImmediate()),
        withSpan(SPAN.reassembleChunks, undefined, async () => {
          await setImmediate();
          await withSpan(SPAN.fetchChunkMetadata, undefined, () => setImmediate());
        }),
      ]);
    });
    expect(tree()).toEqual([
      'fetch_chunks_parallel > download_chunk_0',
      'fetch_chunks_parallel > download_chunk_1',
      'fetch_chunks_parallel > download_chunk_2',
      'read_file > cache_lookup',
      'read_file > db_lookup',
      'read_file > fetch_chunks_parallel',
      'read_file > reassemble_chunks',
      'reassemble_chunks > fetch_chunk_metadata',
      'root > read_file',
    ]);
    expect(new Set(exporter.getFinishedSpans().map((span) => span.spanContext().traceId)).size).toBe(1);
  });

  it('leaves the caller outside the span, before and after', async () => {
    const running = withSpan(SPAN.writeFile, undefined, () => setImmediate());
    expect(trace.getActiveSpan()).toBeUndefined();
    await running;
    expect(trace.getActiveSpan()).toBeUndefined();
  });

  it('keeps the attributes given at the start and those that the work adds', async () => {
    await withSpan(SPAN.writeFile, { file_size: 5 }, async (span) => {
      span.setAttribute('lsn', 9);
    });
    expect(onlySpan().attributes).toEqual({ file_size: 5, lsn: 9 });
  });

  it.each([
    ['a rejection', () => Promise.reject(new StoreError('file_not_found', 'gone')), 'file_not_found', 'gone'],
    [
      'an error thrown before the first await',
      () => {
        throw new TypeError('early');
      },
      'TypeError',
      'early',
    ],
    ['a system error', () => Promise.reject(Object.assign(new Error('disk'), { code: 'EIO' })), 'EIO', 'disk'],
    ['a value that is no error', () => Promise.reject('text'), 'string', 'text'],
  ])('%s marks the span, ends it and goes on to the caller', async (_, work, errorType, message) => {
    const outcome = await withSpan(SPAN.walAppend, undefined, work).catch((error: unknown) => error);
    expect(outcome instanceof Error ? outcome.message : outcome).toBe(message);
    const span = onlySpan();
    expect(span.status).toEqual({ code: 2, message });
    expect(span.attributes).toEqual({ 'error.type': errorType });
    expect(span.events.map((event) => [event.name, event.attributes?.['exception.message']])).toEqual([
      ['exception', message],
    ]);
    expect(span.ended).toBe(true);
  });

  it('marks every span that an error passes, and none beside it', async () => {
    const failing = withSpan(SPAN.readFile, undefined, async () => {
      await withSpan(SPAN.dbLookup, undefined, () => setImmediate());
      await withSpan(SPAN.fetchChunkMetadata, undefined, () => Promise.reject(new Error('x')));
    });
    await expect(failing).rejects.toThrow('x');
    const status = Object.fromEntries(exporter.getFinishedSpans().map((span) => [span.name, span.status.code]));
    expect(status).toEqual({ read_file: 2, db_lookup: 0, fetch_chunk_metadata: 2 });
  });

  it('gives a detail no trace of its own', async () => {
    await expect(withDetailSpan(describeUnexpectedly, 0, async () => 1)).resolves.toBe(1);
    expect(tree()).toEqual([]);
  });

  it('drops the steps of a request that was sampled out, instead of sampling each anew', async () => {
    dropRoots = 'yes';
    await withSpan(SPAN.readFile, undefined, async () => {
      dropRoots = 'no';
      await withSpan(SPAN.dbLookup, undefined, () => withDetailSpan(describeUnexpectedly, 0, () => setImmediate()));
    });
    expect(tree()).toEqual([]);
  });
});
