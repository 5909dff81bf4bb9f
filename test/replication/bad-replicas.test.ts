/** Places of replicas on their bad days, under a running server: what is written to them, and what comes of it when they are back. */
import { mkdir, readFile, rename, rm } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { startServer } from '../server/harness.js';
import { copyDirectory } from '../server/installation.js';
import { errorOf, everythingIn, expectCopies, lagOf, replicaOf, writeSome } from './copies.js';
import { nothingOwed, stateOf, statusOf, sync } from './replica-client.js';
import { contentOf } from './stores.js';
import { eventually } from './wait-until.js';

/** A whole store of another installation, in a directory of its own. */
async function strangeReplica(): Promise<string> {
  const stranger = await startServer();
  await writeSome(stranger, 90);
  await nothingOwed(stranger);
  await stranger.process.stop('SIGTERM');
  return replicaOf(stranger, 'replica1');
}

describe('the place of a replica, under a running server,', () => {
  it.each<[name: string, code: string, put: (path: string) => Promise<unknown>]>([
    ['removed', 'store_unreachable', async () => undefined],
    ['emptied', 'store_unreachable', (path) => mkdir(path)],
    [
      'that holds the replica of another installation',
      'store_foreign',
      async (path) => rename(await strangeReplica(), path),
    ],
  ])(
    '%s is not written to, keeps nobody waiting, and gets what it missed when it is back',
    async (_name, code, put) => {
      const server = await startServer();
      const path = replicaOf(server, 'replica2');
      await writeSome(server, 1);
      await nothingOwed(server);
      await rename(path, `${path}.own`);
      await put(path);
      const stands = await everythingIn(path);

      await writeSome(server, 2);
      await eventually(() => lagOf(server, 'replica1'), 0);
      await eventually(() => errorOf(server, 'replica2'), code);
      expect((await sync(server, '?store=replica2')).state).toBe('failed');
      expect(await stateOf(server, 'replica1')).toBe('online');
      expect(['degraded', 'offline', 'foreign']).toContain(await stateOf(server, 'replica2'));
      expect(await everythingIn(path)).toEqual(stands);

      // Nor by the next start.
      await server.restart();
      await writeSome(server, 3);
      await eventually(() => lagOf(server, 'replica1'), 0);
      expect(await stateOf(server, 'replica2')).toBe(code === 'store_foreign' ? 'foreign' : 'offline');
      expect(await everythingIn(path)).toEqual(stands);

      await rm(path, { recursive: true, force: true });
      await rename(`${path}.own`, path);
      await sync(server);
      await nothingOwed(server);
      await eventually(() => stateOf(server, 'replica2'), 'online');
      await eventually(async () => contentOf(path), await contentOf(server.installation.primary));
      await expectCopies(server, 'replica1');
    },
  );

  it('lost for good is a new replica under a new name, and the lost one is forgotten', async () => {
    const server = await startServer();
    const path = replicaOf(server, 'replica2');
    await writeSome(server, 1);
    await nothingOwed(server);
    await server.process.stop('SIGTERM');
    await rm(path, { recursive: true });
    const environment = server.installation.environment as Record<string, string>;
    environment['REPLICAS'] = `${replicaOf(server, 'replica1')},fresh=${path}`;
    await server.start();
    await eventually(async () => (await statusOf(server)).map(({ name }) => name), ['replica1', 'fresh']);
    // With the tombstones of files that it never had: it alone must be able to say what was deleted.
    await eventually(() => contentOf(path), await contentOf(server.installation.primary));
    expect((await statusOf(server)).map(({ state }) => state)).toEqual(['online', 'online']);
  });

  it('swapped for the one of the other, with copies under way: no byte of one goes to the other, and both stay right', async () => {
    const server = await startServer();
    const paths = ['replica1', 'replica2'].map((name) => replicaOf(server, name)) as [string, string];
    const identityIn = async (path: string): Promise<string> =>
      (JSON.parse(await readFile(join(path, 'holdfast.json'), 'utf8')) as { name: string }).name;
    const swap = async (): Promise<void> => {
      await rename(paths[0], `${paths[0]}.aside`);
      await rename(paths[1], paths[0]);
      await rename(`${paths[0]}.aside`, paths[1]);
    };
    for (let round = 0; round < 6; round += 1) {
      const writing = writeSome(server, round);
      await swap();
      await writing;
      await sync(server);
    }
    await swap();
    await writeSome(server, 7);
    expect(await Promise.all(paths.map(identityIn))).toEqual(['replica2', 'replica1']);
    await eventually(async () => {
      await sync(server);
      return (await statusOf(server)).map(({ state, lag }) => [state, lag.files]);
    }, [
      ['online', 0],
      ['online', 0],
    ]);
    await expectCopies(server, 'replica1', 'replica2');
    // The next start finds each by what it says of itself, wherever it stands.
    await server.restart();
    await writeSome(server, 8);
    await nothingOwed(server);
    await expectCopies(server, 'replica1', 'replica2');
  });

  it('overwritten with a copy of another replica is foreign, and a start refuses the two', async () => {
    const server = await startServer();
    const [one, two] = ['replica1', 'replica2'].map((name) => replicaOf(server, name)) as [string, string];
    await writeSome(server, 1);
    await nothingOwed(server);
    await rename(two, `${two}.own`);
    copyDirectory({ from: one, to: two });
    const copied = await everythingIn(two);
    await writeSome(server, 2);
    await eventually(() => stateOf(server, 'replica2'), 'foreign');
    await eventually(() => lagOf(server, 'replica1'), 0);
    expect(await everythingIn(two)).toEqual(copied);
    await expectCopies(server, 'replica1');

    await server.process.stop('SIGTERM');
    await expect(server.start()).rejects.toThrow(`${basename(two)} says it is the same store as replica replica1`);
    expect(await everythingIn(two)).toEqual(copied);
    await rm(two, { recursive: true });
    await rename(`${two}.own`, two);
    await server.start();
    await nothingOwed(server);
    await expectCopies(server, 'replica1', 'replica2');
  });
});
