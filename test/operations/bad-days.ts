/** By heading: what goes wrong while an installation stands or runs, and what the commands below that heading lead to. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, onTestFinished } from 'vitest';
import { flipRecord, overwrite } from '../cli/stopped-server.js';
import { fillDisk } from '../faults/ballast.js';
import { Mounts } from '../faults/mounts.js';
import { reasonToSkip } from '../faults/privileges.js';
import { nothingOwed } from '../replication/replica-client.js';
import { store, putRaw } from '../server/file-client.js';
import { ask, sha256, testBytes } from '../server/http-client.js';
import { CHUNK_SIZE, filesBelow } from '../server/installation.js';
import { reasonWithoutRedis, startRedis } from '../services/redis.js';
import { expectRefusal, expectSigns, expectSound, expectStatus, paste } from './life.js';
import type { Life } from './life.js';
import { BOTH } from './losses.js';
import type { Story } from './losses.js';
import { temporaryDirectory } from './temporary-directory.js';

const PHOTO = testBytes(2 * CHUNK_SIZE + 7, 99);

export const BAD_DAYS: Readonly<Record<string, Story>> = {
  'Log corrupt': async (life, { signs: [refused, held], blocks: [repair, collect] }) => {
    await life.start();
    await life.upload(100);
    await life.upload(200);
    await nothingOwed(life);
    await life.stop('SIGKILL');
    const first = life.files.at(-2)!.file.file_id;
    await flipRecord(life, ({ type, file_id: id }) => type === 'file_put' && id === first);
    await expectRefusal(life, { code: 4, says: refused! });
    await paste(life, repair!);
    await expectSound(life, BOTH);
    expectSigns(held!, await expectStatus(life, 4));
    await life.stop();
    await paste(life, collect!);
    await expectSound(life, BOTH);
  },
  'Disk full': async (life, { signs: [full, refused], blocks: [free, moveReplica, moveLog, lower] }) => {
    await onSmallDisk(life);
    await life.start();
    for (let count = 0; count < 4; count += 1) await life.upload(MIB);
    await nothingOwed(life);
    const relieve = await fillDisk(life.seen, RESERVE_BYTES - MIB);
    // It asks the disk a few times a second, and did so a moment ago.
    await until(life, ({ full_disks: fullDisks }) => fullDisks.length > 0);
    await expectRefused(life, full!);
    expectSigns(refused!, await expectStatus(life, 4));
    life.settings['FILE_ID'] = life.files.at(-1)!.file.file_id;
    await paste(life, free!);
    life.deleted.push(life.files.pop()!.file);
    await expect.poll(() => answerTo(life), { timeout: 60_000, interval: 500 }).toBe(201);
    await relieve();
    await expectSound(life, BOTH);
    for (const move of [moveReplica!, moveLog!]) {
      await life.stop();
      await paste(life, move);
      Object.assign(life.settings, life.given);
      await expectSound(life, BOTH);
    }
    await life.stop();
    life.settings['DISK_RESERVE'] = '125MiB';
    await life.start();
    await expectRefused(life, full!);
    await life.stop();
    await paste(life, lower!);
    await expectSound(life, BOTH);
  },
  'Redis lost': async (life, { signs: [away], blocks: [again, without] }) => {
    const redis = await startRedis();
    life.settings = { REDIS_URL: redis.url };
    await life.start();
    await life.upload(100);
    await nothingOwed(life);
    await redis.stop('SIGKILL');
    await life.upload(3 * CHUNK_SIZE);
    await until(life, ({ queue }) => queue.state === 'unavailable');
    expectSigns(away!, await expectStatus(life, 4));
    // It has forgotten everything.
    await redis.start();
    await paste(life, again!);
    await expectSound(life, BOTH);
    await redis.command('FLUSHALL');
    await expectSound(life, BOTH);
    await redis.stop('SIGKILL');
    await life.upload(1000);
    await life.stop();
    await paste(life, without!);
    await expectSound(life, BOTH);
  },
  'A file is damaged': async (life, { signs: [damaged, mended, left], blocks: [read, mend, again, giveUp] }) => {
    await life.start();
    const photo = await store(life.url, { name: 'photo.jpg', content: PHOTO });
    life.files.push({ file: photo, content: PHOTO });
    await writeFile(join(life.directory, 'photo.jpg'), PHOTO);
    await nothingOwed(life);
    await rot(life, ['primary']);
    expectSigns(mended!, await paste(life, mend!));

    await rot(life, ['primary', ...BOTH]);
    await paste(life, read!);
    await until(life, ({ damaged }) => damaged.length > 0);
    expectSigns(damaged!, await expectStatus(life, 4));
    expectSigns(left!, await paste(life, mend!, 4));
    expectSigns(mended!, await paste(life, again!));
    await expectSound(life, BOTH);

    await rot(life, ['primary', ...BOTH]);
    await paste(life, mend!, 4);
    const namesakes = (await ask(`${life.url}/files?prefix=photo.jpg`)).json<{ files: { file_id: string }[] }>();
    for (const { file_id: id } of namesakes.files) {
      life.settings['FILE_ID'] = id;
      await paste(life, giveUp!);
    }
    life.deleted.push(photo);
    life.files.splice(
      life.files.findIndex(({ file }) => file === photo),
      1,
    );
    await expectSound(life, BOTH);
  },
  'Deleted by mistake': async (life, { signs: [late], blocks: [find, undelete] }) => {
    await life.start();
    const { file_id: id } = await store(life.url, { name: 'photo.jpg', content: PHOTO });
    await ask(`${life.url}/files/${id}`, { method: 'DELETE' });
    expect((await paste(life, find!)).trim()).toBe(id);
    life.settings['FILE_ID'] = id;
    const said = await paste(life, undelete!);
    const newId = /^file_id +(\S+)$/m.exec(said)![1]!;
    expect((await ask(`${life.url}/download/${newId}`)).body.equals(PHOTO)).toBe(true);
    expectSigns(late!, (await life.run(undelete!.split('\n')[0]!)).output);
    await expectSound(life, BOTH);
  },
};

/** Why a story cannot be told here, by heading. */
export const REASONS: Readonly<Record<string, string | undefined>> = {
  'Disk full': reasonToSkip(),
  'Redis lost': reasonWithoutRedis(),
};

const MIB = 1024 * 1024;
const RESERVE_BYTES = 8 * MIB;

/** Moves the stopped installation to a disk of 128 MiB, with another one at `/mnt/disk2`. */
async function onSmallDisk(life: Life): Promise<void> {
  const mounts = await Mounts.create();
  onTestFinished(() => mounts[Symbol.asyncDispose]());
  const disk = await temporaryDirectory();
  await mounts.tmpfs(disk, { sizeMib: 128, inodes: 30_000 });
  await mounts.run('cp', '-a', `${life.directory}/.`, disk);
  life.directory = disk;
  life.seen = mounts.seen(disk);
  life.disk2 = await temporaryDirectory();
  life.launcher = mounts.launcher;
  life.settings = { DISK_RESERVE: '8MiB', GC_GRACE: '1s' };
}

async function answerTo(life: Life): Promise<number> {
  return (await putRaw(life.url, { name: 'one-more', content: testBytes(100) })).status;
}

async function expectRefused(life: Life, says: string): Promise<void> {
  const { status, body } = await putRaw(life.url, { name: 'too-much', content: testBytes(MIB / 2) });
  expect(status).toBe(507);
  expectSigns(says, body.toString('utf8'));
  for (const { file } of life.files) expect((await ask(`${life.url}/read/${file.file_id}`)).status).toBe(200);
}

/** Flips bytes of one chunk of the photo in each of these stores. */
async function rot(life: Life, stores: readonly string[]): Promise<void> {
  const id = sha256(PHOTO.subarray(0, CHUNK_SIZE));
  for (const name of stores) {
    const root = join(life.directory, 'data', name, 'chunks');
    const path = (await filesBelow(root)).find((each) => each.endsWith(id))!;
    await overwrite(join(root, path), 100, Buffer.from('flipped'));
  }
}

interface Replicas {
  readonly queue: { readonly state: string };
  readonly damaged: readonly unknown[];
  readonly full_disks: readonly unknown[];
}

/** Until the server says so itself: the command is about the words alone. */
async function until(life: Life, holds: (replicas: Replicas) => boolean): Promise<void> {
  const answer = async () => (await ask(`${life.url}/admin/replicas/status`)).json<Replicas>();
  await expect.poll(async () => holds(await answer()), { timeout: 60_000, interval: 100 }).toBe(true);
}
