import { lsn, StoreError } from '#libs/kernel';
import type { Frame } from '#libs/kernel';
import { describe, expect, it } from 'vitest';
import { readLogPage } from './log-page.js';
import type { FrameInSegment } from './log-page.js';

const CHECKPOINT = 4;
const PATH = '/somewhere/segments/00000000000000000001.wal';

const frameAt = (at: number): FrameInSegment => ({
  path: PATH,
  offsetBytes: at * 100,
  frame: { lsn: lsn(at), type: CHECKPOINT, lengthBytes: 96, checksum: 0xab } as Frame,
});

async function* frames(first: number, last: number, failure?: Error): AsyncGenerator<FrameInSegment> {
  for (let at = first; at <= last; at += 1) yield frameAt(at);
  if (failure !== undefined) throw failure;
}

const lsnsOf = (entries: { lsn: number }[]) => entries.map((entry) => entry.lsn);

describe('readLogPage', () => {
  it('shows where a record stands and that it holds', async () => {
    const { entries } = await readLogPage(frames(3, 3), { limit: 10, through: lsn(3) });
    expect(entries).toEqual([
      {
        lsn: 3,
        segment_id: '00000000000000000001',
        offset_bytes: 300,
        length_bytes: 96,
        type: 'checkpoint',
        file_id: null,
        checksum: { expected: '000000ab', actual: '000000ab', verdict: 'ok' },
      },
    ]);
  });

  it.each([
    [5, 3, [1, 2, 3], null],
    [3, 3, [1, 2, 3], null],
    [2, 3, [1, 2], 2],
    [1, 3, [1], 1],
  ])('at most %i of %i', async (limit, through, lsns, nextAfter) => {
    const page = await readLogPage(frames(1, through), { limit, through: lsn(through) });
    expect(lsnsOf(page.entries)).toEqual(lsns);
    expect(page.nextAfter).toBe(nextAfter);
  });

  it('ends where it was told to, although more follows', async () => {
    const page = await readLogPage(frames(1, 9), { limit: 100, through: lsn(4) });
    expect(lsnsOf(page.entries)).toEqual([1, 2, 3, 4]);
    expect(page.nextAfter).toBeNull();
  });

  it('is empty where nothing follows', async () => {
    expect(await readLogPage(frames(1, 0), { limit: 5, through: lsn(0) })).toEqual({ entries: [], nextAfter: null });
  });

  it('reads no further than it shows', async () => {
    let closed = false;
    async function* counted() {
      try {
        yield* frames(1, 1_000_000);
      } finally {
        closed = true;
      }
    }
    await readLogPage(counted(), { limit: 2, through: lsn(1_000_000) });
    expect(closed).toBe(true);
  });

  it('shows a damaged record as such, and nothing behind it', async () => {
    const context = { path: PATH, offset_bytes: 300, lsn: 3, expected: null, actual: null };
    const damage = new StoreError('log_corrupt', 'no longer reads', { context });
    const page = await readLogPage(frames(1, 2, damage), { limit: 10, through: lsn(9) });
    expect(lsnsOf(page.entries)).toEqual([1, 2, 3]);
    expect(page.entries[2]).toMatchObject({ offset_bytes: 300, type: null, checksum: { verdict: 'corrupt' } });
    expect(page.nextAfter).toBeNull();
  });

  it('passes on any other failure', async () => {
    await expect(readLogPage(frames(1, 2, new Error('EIO')), { limit: 10, through: lsn(9) })).rejects.toThrow('EIO');
  });
});
