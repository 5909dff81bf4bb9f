import { expect, it } from 'vitest';
import { downloadChunkSpanName, SPAN, SPAN_CHILDREN } from './span-names.js';

it('every span hangs in the tree exactly once, under read_file or write_file', () => {
  const children: string[] = Object.values(SPAN_CHILDREN).flat();
  const roots = [SPAN.readFile, SPAN.writeFile];
  expect([...roots, ...children].sort()).toEqual([...Object.values(SPAN), 'download_chunk_<i>'].sort());
});

it('a chunk span is named by the index of its chunk', () => {
  expect(downloadChunkSpanName(0)).toBe('download_chunk_0');
});
