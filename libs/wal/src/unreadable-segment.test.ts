/** A segment whose header does not hold: damage above the checkpoint, of no meaning below it, and never deleted. */
import { crashStates } from '#libs/durable-fs/testing';
import type { CrashFileSystem, DiskSnapshot } from '#libs/durable-fs/testing';
import { lsn } from '#libs/kernel';
import { describe, expect, it } from 'vitest';
import { checkpointedLog, damage, flipped, segmentPath } from '../testing/src/damaged-log.js';
import { openTestLog, readTexts, textDraft } from '../testing/src/index.js';

const withEnding = (fs: CrashFileSystem, ending: string): string[] =>
  Object.keys(fs.tree()).filter((path) => path.endsWith(ending));

describe('a segment with an invalid header', () => {
  it.each([
    [[1], 2],
    [[4], 1],
    [[1, 4], 1],
  ])('below the checkpoint is set aside with all its bytes: segments %j', async (segments, segmentsLeft) => {
    const fs = await checkpointedLog(lsn(6));
    for (const segment of segments) await damage(fs, flipped(segment, -1, 50));
    const contents = await Promise.all(segments.map((segment) => fs.readFile(segmentPath(segment))));
    const log = await openTestLog(fs);
    expect(log.checkpointLsn).toBe(6);
    expect(await readTexts(log, lsn(6))).toEqual(['g', 'h']);
    expect(withEnding(fs, '.wal')).toHaveLength(segmentsLeft);
    const aside = await Promise.all(withEnding(fs, '.unreadable').map((path) => fs.readFile(path)));
    expect(aside).toEqual(contents);
    await log.append(textDraft('again'));
    await log.close();
    expect(await readTexts(await openTestLog(fs), lsn(6))).toEqual(['g', 'h', 'again']);
  });

  it.each([
    ['the checkpoint ends within it', 4, 5],
    ['the checkpoint ends right before it', 4, 3],
    ['it is the highest, whatever the checkpoint', 7, 8],
  ])('refuses where %s', async (_where, segment, checkpoint) => {
    const fs = await checkpointedLog(lsn(checkpoint));
    await damage(fs, flipped(segment, -1, 50));
    const tree = fs.tree();
    const path = segmentPath(segment);
    await expect(openTestLog(fs)).rejects.toMatchObject({ code: 'log_corrupt', context: { path } });
    expect(fs.tree()).toEqual(tree);
  });

  it('is kept, in the log or set aside, in every state that a power cut during the open can leave', async () => {
    const fs = await checkpointedLog(lsn(6));
    await damage(fs, flipped(4, -1, 50));
    const content = await fs.readFile(segmentPath(4));
    const snapshots: DiskSnapshot[] = [];
    fs.onBoundary(() => snapshots.push(fs.snapshot()));
    await openTestLog(fs);
    snapshots.push(fs.snapshot());
    for (const [cut, snapshot] of snapshots.entries()) {
      for (const { label, fileSystem } of crashStates(snapshot, { limit: 20, seed: cut })) {
        const places = [...withEnding(fileSystem, '.wal'), ...withEnding(fileSystem, '.unreadable')];
        const kept = await Promise.all(places.map(async (path) => (await fileSystem.readFile(path)).equals(content)));
        expect(kept, `cut ${cut}, ${label}`).toContain(true);
        expect(await readTexts(await openTestLog(fileSystem), lsn(6)), `cut ${cut}, ${label}`).toEqual(['g', 'h']);
      }
    }
  });
});
