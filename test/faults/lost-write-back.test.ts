/**
 * The failure that a second fsync hides, for real: a disk is an image on a host that has run out of space. A write-back
 * fails, Linux tells it once, and takes the page for clean; from then on the page cache shows bytes that no disk has, also
 * to the next process. Only a boot of the machine shows what was lost.
 */
import { rename } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { ask, testBytes } from '../server/http-client.js';
import { fillDisk } from './ballast.js';
import { checkpointTaken, Clients, eventually, reasonsNotReady, unreadable } from './clients.js';
import { Ext4Disk } from './ext4-disk.js';
import { FaultyInstallation } from './faulty-installation.js';
import type { Place } from './faulty-installation.js';
import type { Mounts } from './mounts.js';
import { reasonToSkip, whySkipped } from './privileges.js';

const HOST_MIB = 96;
const DISK_MIB = 64;
const SEGMENT_BYTES = 1024 * 1024;
/** Far behind what the first uploads take of the segment. */
const THIN_FROM_BYTES = 64 * 1024;
const SECTOR_BYTES = 512;
const SECTORS = /\[(\d+)\.\.(\d+)\]: (\d+)\.\.(\d+)/g;

const reason = reasonToSkip(['xfs_io', 'mkfs.ext4', 'fallocate', 'fstrim']);

/** Gives the blocks behind the segment's first ones back to the host: the next write to them needs space there. */
async function makeThin(mounts: Mounts, disk: Ext4Disk, segmentPath: string): Promise<void> {
  const map = await mounts.run('xfs_io', '-r', '-c', 'fiemap', segmentPath);
  for (const [, first = '', last = '', start = ''] of map.matchAll(SECTORS)) {
    const skipped = Math.max(0, THIN_FROM_BYTES / SECTOR_BYTES - Number(first));
    const sectors = Number(last) + 1 - Number(first) - skipped;
    if (sectors <= 0) continue;
    const [offset, length] = [Number(start) + skipped, sectors].map((count) => String(count * SECTOR_BYTES));
    await mounts.run('fallocate', '--punch-hole', '--offset', offset!, '--length', length!, disk.imagePath);
  }
}

interface ThinDisk {
  readonly disk: Ext4Disk;
  /** Where the image stands. */
  readonly host: string;
}

/** A disk in an image that has all its blocks, on a host where a test can take what it gives back. */
async function createThinDisk(installation: FaultyInstallation, place: Place): Promise<ThinDisk> {
  const { mounts } = installation;
  const host = join(installation.path('all'), 'host');
  await mounts.tmpfs(host, { sizeMib: HOST_MIB });
  const disk = await Ext4Disk.create(mounts, installation.path(place), { sizeMib: DISK_MIB, imageDirectory: host });
  await mounts.run('fallocate', '--length', `${DISK_MIB}MiB`, disk.imagePath);
  return { disk, host: mounts.seen(host) };
}

/** The machine dies, and boots again with what its disk has. */
async function cutPower({ server }: FaultyInstallation, disk: Ext4Disk): Promise<void> {
  await disk.cutPower('nothing');
  await server.stop('SIGKILL');
  await disk.unmount();
  await disk.mount();
}

interface Replica {
  readonly lag: { readonly files: number };
  readonly last_error: { readonly message: string } | null;
}

async function replicaOf(url: string): Promise<Replica> {
  const { stores } = (await ask(`${url}/admin/replicas/status`)).json<{ stores: Replica[] }>();
  return stores[0]!;
}

async function copied(url: string): Promise<true | string> {
  const { lag } = await replicaOf(url);
  return lag.files === 0 ? true : `${lag.files} files are owed to the replica`;
}

/** More than are synced one by one. */
const MANY = 200;

const inline = (serial: number): Buffer => testBytes(3_900, serial);

describe.skipIf(reason !== undefined)(`where the page cache lies${whySkipped(reason)}`, () => {
  it('the log holds what it acknowledged after a failed fsync, a restart in the same boot, and then a cut of power', async () => {
    await using installation = await FaultyInstallation.create({ WAL_SEGMENT_SIZE: `${SEGMENT_BYTES}B` });
    const { mounts } = installation;
    const { disk, host } = await createThinDisk(installation, 'wal');
    const clients = new Clients(inline);
    const url = await installation.start();
    await clients.uploads(url, 5);

    await mounts.run('sync', '-f', installation.path('wal'));
    await makeThin(mounts, disk, await installation.activeSegment());
    const relieve = await fillDisk(host);
    await clients.uploadUntilRefused(url);
    expect(clients.refusals).toContain('503 outcome_unknown');
    // All of them may have been in the batch that failed; who came later was told so.
    expect(['503 log_poisoned', '503 outcome_unknown']).toEqual(expect.arrayContaining([...clients.refusals]));
    expect(await reasonsNotReady(url)).toEqual(['log_poisoned']);
    expect(await unreadable(url, clients.kept)).toEqual([]);
    await relieve();

    const sameBoot = await installation.restart();
    expect(await clients.brokenPromises(sameBoot)).toEqual([]);
    await clients.uploads(sameBoot, 20);
    await cutPower(installation, disk);
    expect(await clients.brokenPromises(await installation.start())).toEqual([]);
  });

  it('the primary holds what the log has forgotten after a failed flush, a restart in the same boot, and then a cut of power', async () => {
    await using installation = await FaultyInstallation.create();
    const { mounts } = installation;
    const { disk, host } = await createThinDisk(installation, 'primary');
    const clients = new Clients(inline);
    const url = await installation.start();
    await clients.uploads(url, 5);

    await mounts.run('sync', '-f', installation.path('primary'));
    await mounts.run('fstrim', installation.path('primary'));
    const relieve = await fillDisk(host);
    await eventually(async () => {
      await clients.uploads(url, 10);
      const reasons = await reasonsNotReady(url);
      return reasons.includes('checkpoint_failed') ? reasons : `not ready because of ${reasons.join()}`;
    });
    // The manifests are where they should be, and the log has them: nothing of this concerns those who upload.
    expect([...clients.refusals]).toEqual([]);
    expect(await unreadable(url, clients.kept)).toEqual([]);
    await relieve();

    const sameBoot = await installation.restart();
    await checkpointTaken(sameBoot, clients);
    await cutPower(installation, disk);
    expect(await clients.brokenPromises(await installation.start())).toEqual([]);
  });

  // A job syncs within moments, a checkpoint every thirty seconds: it would hear that all is well.
  it('the primary holds what the log has forgotten although a copy on its disk was told of the lost writes, and no checkpoint', async () => {
    await using installation = await FaultyInstallation.create();
    const { mounts } = installation;
    const { disk, host } = await createThinDisk(installation, 'primary');
    const clients = new Clients(inline);
    const [STORAGE_PATH, REPLICAS] = ['store', 'replica'].map((name) => join(installation.path('primary'), name));
    const settings = { STORAGE_PATH: STORAGE_PATH!, REPLICAS: REPLICAS! };
    // The segment is full soon behind the restart, and not before: no checkpoint is asked for.
    const url = await installation.start({ ...settings, WAL_SEGMENT_SIZE: '3MiB', WAL_MAX_SIZE: '64MiB' });
    // The directories have all their blocks then: where a write of theirs is lost, ext4 goes read-only.
    await clients.uploads(url, 2 * MANY);
    await eventually(() => copied(url));

    // The replica is away, so that one job is owed all that is lost; a few files are synced each by itself.
    await rename(mounts.seen(REPLICAS!), mounts.seen(`${REPLICAS}.away`));
    await mounts.run('sync', '-f', installation.path('primary'));
    await mounts.run('fstrim', installation.path('primary'));
    const relieve = await fillDisk(host);
    await clients.uploads(url, MANY);
    await rename(mounts.seen(`${REPLICAS}.away`), mounts.seen(REPLICAS!));
    await eventually(async () => {
      await ask(`${url}/admin/replicas/sync`, { method: 'POST' });
      const reasons = await reasonsNotReady(url);
      if (reasons.includes('checkpoint_failed')) return reasons;
      return `not ready because of ${reasons.join()}, ${(await replicaOf(url)).last_error?.message}`;
    });
    expect([...clients.refusals]).toEqual([]);
    expect(await unreadable(url, clients.kept)).toEqual([]);
    await relieve();

    const sameBoot = await installation.restart(settings);
    await checkpointTaken(sameBoot, clients);
    await cutPower(installation, disk);
    expect(await clients.brokenPromises(await installation.start(settings))).toEqual([]);
  });
});
