/** By heading: what is lost of a stopped installation, and what the commands below that heading lead to. */
import { join } from 'node:path';
import { expect } from 'vitest';
import { statusOf } from '../replication/replica-client.js';
import { temporaryDirectory } from './temporary-directory.js';
import { expectRefusal, expectSigns, expectSound, expectStatus, paste } from './life.js';
import type { Life } from './life.js';
import type { Section } from './page.js';

export type Story = (life: Life, section: Section) => Promise<void>;

export const BOTH = ['replica1', 'replica2'];

export const LOSSES: Readonly<Record<string, Story>> = {
  'Replica lost': async (life, { signs: [away, foreign], blocks: [without, again] }) => {
    await life.remove('data/replica2');
    await life.start();
    await expect.poll(async () => (await statusOf(life)).map(({ state }) => state)).toContain('offline');
    expectSigns(away!, await expectStatus(life, 4));
    await life.stop();
    await life.restore('data/replica2');
    await paste(life, without!);
    await life.delete();
    await expectSound(life, ['replica1']);
    await life.stop();
    await life.start();
    expect((await statusOf(life)).map(({ state }) => state)).toEqual(['online', 'foreign']);
    expectSigns(foreign!, await expectStatus(life, 4));
    await life.stop();
    await paste(life, again!);
    await expectSound(life, BOTH);
  },
  'Disk replaced': async (life, { blocks: [replace] }) => {
    await life.remove('data/replica2');
    await paste(life, replace!);
    await expectSound(life, BOTH);
  },
  'Primary lost': async (life, { signs: [refused], blocks: [rebuild] }) => {
    await life.remove('data/primary');
    await expectRefusal(life, { code: 4, says: refused! });
    await paste(life, rebuild!);
    await expectSound(life, BOTH);
  },
  'Catalog lost': async (life, { blocks: [anew] }) => {
    await paste(life, anew!);
    await expectSound(life, BOTH);
  },
  'Restore on a new machine': async (life, { signs: [held], blocks: [restore, collect] }) => {
    life.backup = join(life.directory, 'data');
    life.directory = await temporaryDirectory();
    await paste(life, restore!);
    await expectSound(life, BOTH);
    expectSigns(held!, await expectStatus(life, 4));
    await life.stop();
    await paste(life, collect!);
    await expectSound(life, BOTH);
  },
};
