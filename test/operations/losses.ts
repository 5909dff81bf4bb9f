/** By heading: what is lost of a stopped installation, and what the commands below that heading lead to. */
import { rm } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { expect } from 'vitest';
import { statusOf } from '../replication/replica-client.js';
import { ask, sha256 } from '../server/http-client.js';
import { CHUNK_SIZE, filesBelow } from '../server/installation.js';
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
  'A file that only a replica knows': async (life, { signs: [held, named], blocks: [look, name, back, giveUp] }) => {
    life.settings = { GC_GRACE: '1s' };
    // The collection has come several times by then.
    const lost = await forget(life, life.files[0]!);
    expectSigns(held!, await expectStatus(life, 4));
    expectSigns(named!, await paste(life, look!));
    life.settings['FILE_ID'] = lost.file.file_id;
    expect(await paste(life, name!)).toContain(`"file_name":${JSON.stringify(lost.file.file_name)}`);
    for (const store of ['primary', ...BOTH])
      expect(await chunksOf(life, store)).toEqual(expect.arrayContaining(lost.chunks));
    await life.stop();
    await paste(life, back!);
    await expectSound(life, BOTH);

    await life.stop();
    const { file } = await forget(life, life.files[2]!);
    life.settings['FILE_ID'] = file.file_id;
    await paste(life, giveUp!);
    life.files.splice(2, 1);
    life.deleted.push(file);
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

/** The stopped primary loses the manifest of a file, and the catalog; resolves when the server says what replicas still know. */
async function forget(life: Life, { file, content }: Life['files'][number]) {
  const data = join(life.directory, 'data');
  await rm(join(data, 'primary', 'manifests', file.file_id.slice(-2), file.file_id));
  for (const end of ['', '-wal', '-shm']) await rm(join(data, `catalog.db${end}`), { force: true });
  await life.start();
  const awaited = async () =>
    (await ask(`${life.url}/admin/replicas/status`)).json<{ collection: { awaited: unknown[] } }>().collection.awaited;
  await expect
    .poll(awaited, { timeout: 60_000, interval: 500 })
    .toEqual(BOTH.map((store) => ({ store, unknown_manifests: 1 })));
  const chunks = Array.from({ length: Math.ceil(content.length / CHUNK_SIZE) }, (_, chunk) =>
    sha256(content.subarray(chunk * CHUNK_SIZE, (chunk + 1) * CHUNK_SIZE)),
  );
  return { file, chunks };
}

async function chunksOf(life: Life, store: string): Promise<string[]> {
  return (await filesBelow(join(life.directory, 'data', store, 'chunks'))).map((path) => basename(path));
}
