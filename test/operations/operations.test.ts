// The commands of docs/operations.md, run by a shell as they are written, on an installation to which it has happened.
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { nothingOwed, statusOf } from '../replication/replica-client.js';
import { CHUNK_SIZE } from '../server/installation.js';
import { expectSound, Life, paste } from './life.js';

const PAGE = resolve(import.meta.dirname, '../../docs/operations.md');

/** The `sh` blocks below a heading. */
async function blocksOf(heading: string): Promise<string[]> {
  const section = (await readFile(PAGE, 'utf8')).split(/^## /m).find((text) => text.startsWith(`${heading}\n`)) ?? '';
  return [...section.matchAll(/^```sh\n(.*?)^```$/gms)].map(([, block]) => block!);
}

const BOTH = ['replica1', 'replica2'];

type Story = (life: Life, blocks: readonly string[]) => Promise<void>;

/** By heading: what happens to a stopped installation, and what its commands lead to. */
const STORIES: Readonly<Record<string, Story>> = {
  'Replica lost': async (life, [without, again]) => {
    await paste(life, without!);
    await life.delete();
    await expectSound(life, ['replica1']);
    await life.stop();
    await life.start();
    expect((await statusOf(life)).map(({ state }) => state)).toEqual(['online', 'foreign']);
    await life.stop();
    await paste(life, again!);
    await expectSound(life, BOTH);
  },
  'Disk replaced': async (life, [replace]) => {
    await life.remove('data/replica2');
    await paste(life, replace!);
    await expectSound(life, BOTH);
  },
  'Primary lost': async (life, [rebuild]) => {
    await life.remove('data/primary');
    await paste(life, rebuild!);
    await expectSound(life, BOTH);
  },
  'Catalog lost': async (life, [anew]) => {
    await paste(life, anew!);
    await expectSound(life, BOTH);
  },
  'Restore on a new machine': async (life, [restore]) => {
    life.backup = join(life.directory, 'data');
    life.directory = await temporaryDirectory();
    await paste(life, restore!);
    await expectSound(life, BOTH);
  },
};

async function temporaryDirectory(): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'holdfast-operations-'));
  onTestFinished(() => rm(directory, { recursive: true, force: true }));
  return directory;
}

it.each(Object.keys(STORIES))('%s', async (heading) => {
  const blocks = await blocksOf(heading);
  expect(blocks.length).toBeGreaterThan(0);
  const life = new Life(await temporaryDirectory());
  onTestFinished(async () => void (await life.server?.stop('SIGKILL')));
  await life.start();
  for (const size of [100, 3 * CHUNK_SIZE + 5, 1500, CHUNK_SIZE]) await life.upload(size);
  await life.delete();
  await nothingOwed(life);
  await life.stop();
  await STORIES[heading]!(life, blocks);
});
