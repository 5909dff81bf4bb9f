/** The disk of a replica fills, or can only be read any more, under a running server: nobody but the replica notices. */
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { nothingOwed, statusOf, sync } from '../replication/replica-client.js';
import { contentOf } from '../replication/stores.js';
import { eventually } from '../replication/wait-until.js';
import { testBytes } from '../server/http-client.js';
import { fillDisk, fillInodes } from './ballast.js';
import { Clients } from './clients.js';
import { FaultyInstallation } from './faulty-installation.js';
import { reasonToSkip, whySkipped } from './privileges.js';

const SIZE_MIB = 24;
/** The directories of a store take 771. */
const INODES = 1_500;

const mixed = (serial: number): Buffer => testBytes(serial % 2 === 0 ? 40_000 : 2_000, serial);

/** Breaks the disk at `path`; resolves to what mends it. */
type Break = (installation: FaultyInstallation, path: string) => Promise<() => Promise<unknown>>;

const FAULTS: readonly [fault: string, code: string, breakDisk: Break][] = [
  ['is full', 'store_full', ({ mounts }, path) => fillDisk(mounts.seen(path))],
  ['has no inodes left', 'store_full', ({ mounts }, path) => fillInodes(mounts.seen(path))],
  [
    'went read-only',
    'store_read_only',
    async ({ mounts }, path) => {
      await mounts.run('mount', '-o', 'remount,ro', path);
      return () => mounts.run('mount', '-o', 'remount,rw', path);
    },
  ],
];

const reason = reasonToSkip();

describe.skipIf(reason !== undefined)(`a replica whose disk${whySkipped(reason)}`, () => {
  it.each(FAULTS)('%s is owed what it missed, and gets it when the disk is mended', async (_fault, code, breakDisk) => {
    await using installation = await FaultyInstallation.create();
    const { mounts } = installation;
    const [broken, sound] = ['replica1', 'replica2'].map((name) => join(installation.path('all'), name));
    await mounts.tmpfs(broken!, { sizeMib: SIZE_MIB, inodes: INODES });
    const settings = { REPLICAS: `${broken},${sound}` };
    const clients = new Clients(mixed);
    let url = await installation.start(settings);
    await clients.uploads(url, 6);
    await nothingOwed({ url });

    const mend = await breakDisk(installation, broken!);
    await clients.uploads(url, 12);
    await sync({ url });
    await eventually(async () => (await statusOf({ url }))[1]!.lag.files, 0);
    const [status] = await statusOf({ url });
    expect([status!.last_error?.code, status!.lag.files > 0]).toEqual([code, true]);
    expect(['degraded', 'offline']).toContain(status!.state);
    // A start is not kept from anything either.
    url = await installation.restart(settings);
    await clients.uploads(url, 2);
    expect([...clients.refusals]).toEqual([]);
    // What was begun and did not fit takes no room.
    expect(await readdir(join(mounts.seen(broken!), 'staging'))).toEqual([]);

    await mend();
    await sync({ url });
    await nothingOwed({ url });
    expect((await statusOf({ url })).map(({ state }) => state)).toEqual(['online', 'online']);
    const primary = await contentOf(installation.seen('primary'));
    for (const path of [broken!, sound!]) {
      const { manifests, chunks } = await contentOf(mounts.seen(path));
      expect([path, manifests, chunks]).toEqual([path, primary.manifests, primary.chunks]);
    }
    expect(await clients.brokenPromises(url)).toEqual([]);
  });
});
