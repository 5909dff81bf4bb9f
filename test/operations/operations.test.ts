// The commands of docs/operations.md, run by a shell as they are written, on an installation to which it has happened.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it, onTestFinished } from 'vitest';
import { nothingOwed } from '../replication/replica-client.js';
import { CHUNK_SIZE, copyDirectory } from '../server/installation.js';
import { whySkipped } from '../services/why-skipped.js';
import { BAD_DAYS, REASONS } from './bad-days.js';
import { expectOver, Life } from './life.js';
import { LOSSES } from './losses.js';
import { sections } from './page.js';
import { temporaryDirectory } from './temporary-directory.js';

/** Of many commands, on a machine that may have much else to do. */
const TIMEOUT_MS = 10 * 60_000;

const STORIES = { ...LOSSES, ...BAD_DAYS };
const [introduction, ...SECTIONS] = await sections();

/** Lived before them all; each story begins with a copy of what it left. */
const original = new Life('');

beforeAll(async () => {
  original.directory = await mkdtemp(join(tmpdir(), 'holdfast-operations-'));
  await original.start();
  for (const size of [100, 3 * CHUNK_SIZE + 5, 1500, CHUNK_SIZE]) await original.upload(size);
  await original.delete();
  await nothingOwed(original);
  await original.stop();
});

afterAll(async () => {
  await original.stop('SIGKILL');
  await rm(original.directory, { recursive: true, force: true });
});

it('tells a story of every section', () => {
  expect(SECTIONS.map(({ heading }) => heading).toSorted()).toEqual(Object.keys(STORIES).toSorted());
});

for (const [heading, story] of Object.entries(STORIES)) {
  const reason = REASONS[heading];
  it.skipIf(reason !== undefined)(
    `${heading}${whySkipped(reason)}`,
    async () => {
      const section = SECTIONS.find((each) => each.heading === heading)!;
      expect(section.blocks.length).toBeGreaterThan(0);
      const life = new Life(await temporaryDirectory());
      onTestFinished(async () => void (await life.server?.stop('SIGKILL')));
      copyDirectory({ from: original.directory, to: life.directory });
      life.files.push(...original.files);
      life.deleted.push(...original.deleted);
      await story(life, section);
      await expectOver(life, introduction!);
    },
    TIMEOUT_MS,
  );
}
