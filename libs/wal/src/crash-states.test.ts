/**
 * A short life of a log is cut at every write and every sync; from each disk that the cut could leave, the log must open,
 * hold every acknowledged record in order and nothing that was never appended, take a new record, and hold that too after
 * the next cut.
 */
import { CrashFileSystem, crashStates } from '#libs/durable-fs/testing';
import type { DiskSnapshot } from '#libs/durable-fs/testing';
import type { Lsn } from '#libs/kernel';
import { describe, expect, it } from 'vitest';
import { openTestLog, readTexts, textDraft } from '../testing/src/index.js';
import type { WriteAheadLog } from './write-ahead-log.js';

const STATES_PER_CUT = 40;

interface Cut {
  readonly snapshot: DiskSnapshot;
  readonly acknowledged: readonly string[];
  /** Everything asked for so far, in LSN order. */
  readonly asked: readonly string[];
}

class Life {
  readonly fs = new CrashFileSystem();
  readonly cuts: Cut[] = [];
  readonly #acknowledged: string[] = [];
  readonly #asked: string[] = [];

  constructor() {
    this.fs.onBoundary(() => this.cut());
  }

  cut(): void {
    this.cuts.push({ snapshot: this.fs.snapshot(), acknowledged: [...this.#acknowledged], asked: [...this.#asked] });
  }

  async append(log: WriteAheadLog, name: string, sizeBytes: number): Promise<Lsn> {
    this.#asked.push(name);
    const { lsn } = await log.append(textDraft(name, sizeBytes));
    this.#acknowledged.push(name);
    return lsn;
  }
}

async function liveThroughEverything(life: Life): Promise<void> {
  const log = await openTestLog(life.fs);
  await life.append(log, 'a', 40);
  await Promise.all(['b', 'c', 'd'].map((name) => life.append(log, name, 700)));
  await life.append(log, 'e', 1500);
  const f = await life.append(log, 'f', 1500);
  await log.checkpoint(f);
  await Promise.all(['g', 'h'].map((name) => life.append(log, name, 900)));
  await log.close();
  const reopened = await openTestLog(life.fs);
  await life.append(reopened, 'i', 100);
  await life.append(reopened, 'j', 2600);
  life.cut();
}

describe('a log cut at any moment', () => {
  it('holds what it acknowledged, in every state the disk can be in', async () => {
    const life = new Life();
    await liveThroughEverything(life);
    expect(life.cuts.length).toBeGreaterThan(50);
    let states = 0;
    for (const [index, cut] of life.cuts.entries()) {
      for (const { label, fileSystem } of crashStates(cut.snapshot, { limit: STATES_PER_CUT, seed: index })) {
        states += 1;
        await expectKept(fileSystem, cut, `cut ${index}, ${label}`);
      }
    }
    expect(states).toBeGreaterThan(400);
  });

  it('holds what it acknowledged when only the process is killed', async () => {
    const life = new Life();
    await liveThroughEverything(life);
    for (const [index, cut] of life.cuts.entries()) {
      await expectKept(new CrashFileSystem({ snapshot: cut.snapshot }), cut, `kill ${index}`);
    }
  });

  it('holds what it acknowledged after a failed fsync, a restart in the same boot, and then a power cut', async () => {
    const fs = new CrashFileSystem();
    const poisoned = await openTestLog(fs);
    await poisoned.append(textDraft('kept'));
    fs.failNext({ operation: 'dataSync', errorCode: 'EIO' });
    await expect(poisoned.append(textDraft('unknown', 1200))).rejects.toMatchObject({ code: 'outcome_unknown' });
    fs.halt();
    // The page cache still shows the frame whose sync failed, and a later sync of its file says yes.
    const sameBoot = fs.killed();
    const restarted = await openTestLog(sameBoot);
    const shown = await readTexts(restarted);
    await restarted.append(textDraft('acknowledged', 1200));
    for (const { label, fileSystem } of crashStates(sameBoot.snapshot(), { limit: STATES_PER_CUT })) {
      expect(await readTexts(await openTestLog(fileSystem)), label).toEqual([...shown, 'acknowledged']);
    }
  });
});

async function expectKept(disk: CrashFileSystem, cut: Cut, where: string): Promise<void> {
  const log = await openTestLog(disk).catch((cause: unknown) => {
    throw new Error(`${where}: the log does not open`, { cause });
  });
  const kept = await readTexts(log);
  // The checkpoint of this life stands behind its first six records, whose LSNs are 1 to 6.
  const removed = kept.length === 0 ? log.checkpointLsn : cut.asked.indexOf(kept[0]!);
  expect(removed, where).toBeLessThanOrEqual(log.checkpointLsn);
  expect(kept, where).toEqual(cut.asked.slice(removed, removed + kept.length));
  expect(removed + kept.length, where).toBeGreaterThanOrEqual(cut.acknowledged.length);
  await log.append(textDraft('again', 600));
  const [afterwards] = crashStates(disk.snapshot(), { limit: 1 });
  expect(await readTexts(await openTestLog(afterwards!.fileSystem)), where).toEqual([...kept, 'again']);
}
