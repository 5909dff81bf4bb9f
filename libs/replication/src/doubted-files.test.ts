import { MAX_JOB_ITEMS } from '#libs/job-queue';
import { newFileId } from '#libs/kernel';
import type { FileId, StoreId } from '#libs/kernel';
import { describe, expect, it } from 'vitest';
import { DoubtedFiles } from './doubted-files.js';
import type { Unjudged } from './doubted-files.js';

const STORE = '5704e000-0000-4000-8000-00000000000a' as StoreId;
const NOTHING: ReadonlyMap<FileId, string> = new Map();
const many = (count: number): FileId[] => Array.from({ length: count }, () => newFileId(1));
const unjudged = (fileId: FileId): Unjudged => ({
  fileId,
  storeId: STORE,
  generation: 1,
  want: 'present',
  error: { code: 'store_refused', message: 'EACCES' },
});
const rowsOf = (fileIds: readonly FileId[]): { fileId: FileId }[] => fileIds.map((fileId) => ({ fileId }));

describe('files of a job that came to nothing', () => {
  it('go in jobs of half as many each time, until each is alone', () => {
    const doubts = new DoubtedFiles();
    const [file] = many(1) as [FileId];
    expect(doubts.togetherAtMost(file)).toBe(MAX_JOB_ITEMS);
    const sizes: number[] = [];
    for (let size = MAX_JOB_ITEMS; sizes.at(-1) !== 1;) {
      doubts.lost([file, ...many(size - 1)]);
      size = doubts.togetherAtMost(file);
      sizes.push(size);
    }
    expect(sizes).toEqual([128, 64, 32, 16, 8, 4, 2, 1]);
    doubts.cleared([file]);
    expect(doubts.togetherAtMost(file)).toBe(MAX_JOB_ITEMS);
  });

  it('are remembered up to what may be in flight, and no more', () => {
    const doubts = new DoubtedFiles();
    doubts.lost(many(2 * MAX_JOB_ITEMS));
    const [file] = many(1) as [FileId];
    doubts.lost([file]);
    expect(doubts.togetherAtMost(file)).toBe(MAX_JOB_ITEMS);
  });
});

describe('a file that was alone when its store failed', () => {
  it('is passed over, and blamed when the store has done another one', () => {
    const doubts = new DoubtedFiles();
    const [bad, other] = many(2) as [FileId, FileId];
    doubts.storeFailed([unjudged(bad)]);
    expect([bad, other].map((fileId) => doubts.withheld(NOTHING).has(fileId))).toEqual([true, false]);
    expect(doubts.takeBlamed()).toEqual([unjudged(bad)]);
    expect(doubts.withheld(NOTHING).has(bad)).toBe(false);
    expect(doubts.takeBlamed()).toEqual([]);
    expect(doubts.togetherAtMost(bad)).toBe(1);
  });

  it('is tried again where nothing else is due', () => {
    const doubts = new DoubtedFiles();
    const [bad] = many(1) as [FileId];
    doubts.storeFailed([unjudged(bad)]);
    expect(doubts.forgivePassedOver()).toBe(true);
    expect(doubts.withheld(NOTHING).has(bad)).toBe(false);
    expect(doubts.forgivePassedOver()).toBe(false);
  });

  it('is one of a bounded number, however long the store is away', () => {
    const doubts = new DoubtedFiles();
    for (const fileId of many(1_000)) doubts.storeFailed([unjudged(fileId)]);
    expect(doubts.takeBlamed().length).toBeLessThan(100);
  });
});

describe('files whose jobs of one were not answered', () => {
  it('go one at a time, the least often lost first, and leave the others alone', () => {
    const doubts = new DoubtedFiles();
    const [often, once, other] = many(3) as [FileId, FileId, FileId];
    for (const fileId of [often, once, often]) doubts.lost([fileId]);
    expect(doubts.withOneLost(rowsOf([often, other, once]))).toEqual(rowsOf([other, once]));
    const inFlight = new Map([[once, 'job']]);
    const withheld = doubts.withheld(inFlight);
    expect([often, once, other].map((fileId) => withheld.has(fileId))).toEqual([true, true, false]);
    // Whoever reads a page leaves them out of so many more rows.
    expect(withheld.size).toBeGreaterThanOrEqual(2);
    expect(doubts.withheld(NOTHING).has(often)).toBe(false);
  });
});
