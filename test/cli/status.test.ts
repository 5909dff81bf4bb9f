// `holdfast status` against real servers: a sound one, one whose replica is away, one without any, and none.
import { rename } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { store } from '../server/file-client.js';
import { startServer } from '../server/harness.js';
import type { TestServer } from '../server/harness.js';
import { ask, testBytes } from '../server/http-client.js';
import { CHUNK_SIZE } from '../server/installation.js';
import { runCommand } from './command.js';
import type { Outcome } from './command.js';

const status = ({ url }: TestServer, ...words: string[]): Promise<Outcome> =>
  runCommand({ HOLDFAST_URL: url, FORCE_COLOR: '1' }, 'status', ...words);

interface Replicas {
  readonly stores: { name: string; state: string; filling: boolean; lag: { files: number } }[];
}

/** Asks the server until it says so itself: the command is about the words alone. */
async function until({ url }: TestServer, holds: (replicas: Replicas) => boolean): Promise<void> {
  const answer = async () => (await ask(`${url}/admin/replicas/status`)).json<Replicas>();
  await expect.poll(async () => holds(await answer()), { timeout: 60_000, interval: 100 }).toBe(true);
}

const allCopied = ({ stores }: Replicas): boolean =>
  stores.every(({ state, lag, filling }) => state === 'online' && lag.files === 0 && !filling);

describe('holdfast status', () => {
  it('of a server whose replicas have everything exits with 0 and says so, without colours in a pipe', async () => {
    const server = await startServer();
    for (const index of [1, 2, 3])
      await store(server.url, { name: `f${index}`, content: testBytes(CHUNK_SIZE, index) });
    await until(server, allCopied);
    const { code, stdout, stderr } = await status(server);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toContain(`The server at ${server.url} serves.`);
    expect(stdout).toMatch(/^replica1 +online +nothing .*\nreplica2 +online +nothing /m);
    expect(stdout).toContain('no file is lost; replica1 and replica2 each have all of them.');
    expect(stdout).toMatch(/\nNothing is wrong\.\n$/);
    expect(stdout).not.toContain('\u001B');
    const { json } = await status(server, '--json');
    expect(json()).toMatchObject({
      wrong: [],
      ready: { status: 'ready' },
      replicas: { stores: [{ filling: false }, { filling: false }], collection: { held_by: [], awaited: [] } },
      log: { committed_lsn: expect.any(Number) },
    });
  });

  it('of a server one of whose replicas is away exits with 4 and names it and what is owed', async () => {
    const server = await startServer();
    await until(server, allCopied);
    const place = join(server.installation.directory, 'replica2');
    await rename(place, `${place}-unmounted`);
    await store(server.url, { name: 'f', content: testBytes(100) });
    await until(server, ({ stores }) => stores[0]!.lag.files === 0 && stores[1]!.state === 'offline');
    const { code, stdout } = await status(server);
    expect(code).toBe(4);
    expect(stdout).toMatch(/^replica2 +offline +1 to copy \(100 B\), for /m);
    expect(stdout).toContain('no file is lost; replica1 has all of them.');
    expect(stdout).toMatch(/What is wrong\n {2}replica2 is away \(store_unreachable: .*"Replica lost"/);
    await rename(`${place}-unmounted`, place);
    await ask(`${server.url}/admin/replicas/sync`, { method: 'POST' });
    await until(server, allCopied);
    expect((await status(server)).code).toBe(0);
  });

  it('of a server without replicas exits with 4 and says what one disk means', async () => {
    const server = await startServer({ REPLICAS: '' });
    const { code, stdout } = await status(server);
    expect(code).toBe(4);
    expect(stdout).toContain('every file is lost; there is no replica.');
    expect(stdout).toContain('Name one in REPLICAS');
  });

  it('of no server exits with 3', async () => {
    const server = await startServer({ REPLICAS: '' });
    await server.process.stop();
    expect(await status(server)).toMatchObject({ code: 3, stdout: '' });
    expect((await status(server, '--json')).json()).toMatchObject({ error: { code: 'unreachable' } });
  });
});
