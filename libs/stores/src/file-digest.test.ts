import { chunkChecksum } from '#libs/kernel';
import { hash } from 'node:crypto';
import type { Worker } from 'node:worker_threads';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { FileDigest } from './file-digest.js';

const CHUNK_BYTES = 64 * 1024;

/** Three chunks, of which the last is short. */
function fileOf(letter: string, memory: 'shared' | 'own'): Buffer[] {
  return [1, 2, 3].map((index) => {
    const bytes = index === 3 ? 1000 : CHUNK_BYTES;
    const chunk = memory === 'shared' ? Buffer.from(new SharedArrayBuffer(bytes)) : Buffer.alloc(bytes);
    return chunk.fill(`${letter}${index} `);
  });
}

const expectedOf = (chunk: Buffer) => ({ sha256: hash('sha256', chunk), checksum: chunkChecksum(chunk) });

describe.each(['shared', 'own'] as const)('the digests of a file in %s memory', (memory) => {
  it('are those of each chunk and of the whole', async () => {
    const chunks = fileOf('a', memory);
    const digest = new FileDigest();
    const digests = await Promise.all(chunks.map((chunk) => digest.add(chunk)));
    expect(digests).toEqual(chunks.map(expectedOf));
    expect(await digest.end()).toBe(hash('sha256', Buffer.concat(chunks)));
  });

  it('of one chunk are the same twice', async () => {
    const [chunk] = fileOf('b', memory);
    const digest = new FileDigest();
    expect(await digest.add(chunk!)).toEqual(expectedOf(chunk!));
    expect(await digest.end()).toBe(hash('sha256', chunk!));
  });

  it('are its own, whatever other files are under way or given up', async () => {
    const files = ['c', 'd', 'e'].map((letter) => ({ chunks: fileOf(letter, memory), digest: new FileDigest() }));
    for (const index of [0, 1, 2]) {
      await Promise.all(files.map(({ chunks, digest }) => digest.add(chunks[index]!)));
    }
    files[1]!.digest.abandon();
    for (const { chunks, digest } of [files[0]!, files[2]!]) {
      expect(await digest.end()).toBe(hash('sha256', Buffer.concat(chunks)));
      digest.abandon();
    }
  });
});

it('the digest of a file of no chunks is that of nothing', async () => {
  expect(await new FileDigest().end()).toBe(hash('sha256', ''));
});

it('a file whose thread died between two chunks fails, and the next one has a thread again', async () => {
  const workers: Worker[] = [];
  const seen = (worker: Worker): void => void workers.push(worker);
  process.on('worker', seen);
  onTestFinished(() => void process.off('worker', seen));
  // With a thread of its own.
  vi.resetModules();
  const fresh = await import('./file-digest.js');
  const chunks = fileOf('f', 'shared');
  const digest = new fresh.FileDigest();
  await digest.add(chunks[0]!);
  await Promise.all(workers.map((worker) => worker.terminate()));
  await expect(digest.add(chunks[1]!)).rejects.toThrow('the thread that digests files ended');
  await expect(digest.end()).rejects.toThrow('the thread that digests files ended');
  const next = new fresh.FileDigest();
  expect(await next.add(chunks[0]!)).toEqual(expectedOf(chunks[0]!));
  expect(workers).toHaveLength(2);
});
