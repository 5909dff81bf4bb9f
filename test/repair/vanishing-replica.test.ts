/**
 * A replica whose directory goes away while it is scrubbed. The moment is made certain by a named pipe in the place of one
 * of its chunks: whoever opens it waits until somebody else does, so the scrub stands there.
 */
import { execFile } from 'node:child_process';
import { constants } from 'node:fs';
import { open, readdir, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';
import { replicaOf, storeLarge } from '../replication/copies.js';
import { nothingOwed } from '../replication/replica-client.js';
import { contentOf } from '../replication/stores.js';
import { eventually } from '../replication/wait-until.js';
import { startServer } from '../server/harness.js';
import type { TestServer } from '../server/harness.js';
import { ask } from '../server/http-client.js';
import { isInstalled } from '../server/required-program.js';
import { runRepairProgram } from './repair-program.js';

interface Operation {
  readonly state: string;
  readonly result: {
    readonly stores: readonly {
      readonly name: string;
      readonly objects: number;
      readonly corrupt: number;
      readonly error: { readonly code: string } | null;
    }[];
  };
}

/** What a place says that is no store. */
const GONE = 'store_unreachable';

const chunkPath = (root: string, chunkId: string): string => join(root, 'chunks', chunkId.slice(0, 2), chunkId);

async function beginScrub({ url }: TestServer): Promise<string> {
  const begun = await ask(`${url}/admin/scrub?store=replica1`, { method: 'POST' });
  expect(begun.status).toBe(202);
  return begun.json<{ operation_id: string }>().operation_id;
}

async function endOf({ url }: TestServer, operationId: string): Promise<Operation> {
  const operation = async (): Promise<Operation> =>
    (await ask(`${url}/admin/operations/${operationId}`)).json<Operation>();
  await eventually(async () => (await operation()).state !== 'running', true);
  return operation();
}

async function objectsRead({ url }: TestServer): Promise<number | undefined> {
  const status = (await ask(`${url}/admin/replicas/status`)).json<{
    stores: { name: string; scrub: { objects: number } }[];
  }>();
  return status.stores.find(({ name }) => name === 'replica1')?.scrub.objects;
}

it.skipIf(!isInstalled('mkfifo'))(
  'ends the scrub by its name, with nothing said of what it has; when it is back a scrub reads all of it',
  async () => {
    const server = await startServer();
    for (let seed = 1; seed <= 3; seed += 1) await storeLarge(server, seed);
    await nothingOwed(server);
    const root = replicaOf(server, 'replica1');
    const whole = await contentOf(root);
    const chunkIds = Object.keys(whole.chunks);
    const reached = 2;
    const [chunk, aside, away] = [chunkPath(root, chunkIds[reached]!), `${root}-chunk`, `${root}-away`];
    await rename(chunk, aside);
    await promisify(execFile)('mkfifo', [chunk]);

    const scrub = await beginScrub(server);
    await eventually(() => objectsRead(server), reached);
    await rename(root, away);
    const pipe = chunkPath(away, chunkIds[reached]!);
    // Where nobody waits there is nobody to wake: the scrub comes too late then to find it.
    await open(pipe, constants.O_WRONLY | constants.O_NONBLOCK).then(
      (writer) => writer.close(),
      () => undefined,
    );
    const [read, ...more] = (await endOf(server, scrub)).result.stores;
    expect([read, more]).toEqual([
      expect.objectContaining({
        name: 'replica1',
        corrupt: 0,
        error: expect.objectContaining({ code: GONE }) as object,
      }),
      [],
    ]);

    await rename(aside, pipe);
    await rename(away, root);
    const objects = Object.values(whole).reduce((sum, ids) => sum + Object.keys(ids).length, 0);
    expect((await endOf(server, await beginScrub(server))).result.stores).toMatchObject([
      { name: 'replica1', objects, corrupt: 0, error: null },
    ]);
    expect(await readdir(join(root, 'corrupt'))).toEqual([]);
    const environment = { ...server.installation.environment, HOLDFAST_URL: server.url };
    const { code, stdout } = await runRepairProgram(environment, '--deep');
    expect([code, stdout]).toEqual([0, expect.stringMatching(/all stores are equal\n$/)]);
    expect(await contentOf(root)).toEqual(whole);
  },
);
