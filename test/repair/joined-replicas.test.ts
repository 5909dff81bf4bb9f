/** A replica that joins after files were deleted: it remembers the deletes as the others do. On the built server. */
import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { runCommand } from '../cli/command.js';
import { expectCopies, remove, replicaOf } from '../replication/copies.js';
import { nothingOwed } from '../replication/replica-client.js';
import { contentOf } from '../replication/stores.js';
import { store } from '../server/file-client.js';
import { startServer } from '../server/harness.js';
import type { TestServer } from '../server/harness.js';
import type { Environment } from '../server/installation.js';
import { runRepairProgram } from './repair-program.js';

const DELETED_FILES = 3;

/** Some files, of which some are deleted again. */
async function live(server: TestServer): Promise<void> {
  for (let serial = 0; serial < DELETED_FILES + 2; serial += 1) {
    const file = await store(server.url, { name: `file ${serial}`, content: `file ${serial}` });
    if (serial < DELETED_FILES) await remove(server, file);
  }
}

const replicasOf = ({ installation }: TestServer, ...names: readonly string[]): Environment => ({
  REPLICAS: names.map((name) => join(installation.directory, name)).join(','),
});

async function startAnew(server: TestServer, settings: Environment): Promise<void> {
  await server.process.stop('SIGTERM');
  await server.start(settings);
}

async function tombstonesOf(server: TestServer, name: string): Promise<number> {
  return Object.keys((await contentOf(replicaOf(server, name))).tombstones).length;
}

async function expectEqual(server: TestServer): Promise<void> {
  const environment = { ...server.installation.environment, HOLDFAST_URL: server.url };
  const { code, stdout } = await runRepairProgram(environment);
  expect([code, stdout]).toEqual([0, expect.stringMatching(/all stores are equal\n$/)]);
}

it('that is new in the settings has every tombstone, and a repair finds nothing', async () => {
  const server = await startServer();
  await startAnew(server, replicasOf(server, 'replica1'));
  await live(server);
  await nothingOwed(server);
  await startAnew(server, replicasOf(server, 'replica1', 'replica3'));
  await nothingOwed(server);
  expect(await tombstonesOf(server, 'replica3')).toBe(DELETED_FILES);
  await expectCopies(server, 'replica1', 'replica3');
  await expectEqual(server);
});

it('that is adopted in the place of a lost one has every tombstone, and a repair finds nothing', async () => {
  const server = await startServer();
  await live(server);
  await nothingOwed(server);
  await server.process.stop('SIGTERM');
  const place = replicaOf(server, 'replica2');
  await rm(place, { recursive: true });
  await mkdir(place);
  expect(await runCommand(server.installation.environment, 'adopt', 'replica2', '--yes')).toMatchObject({ code: 0 });
  await server.start();
  await nothingOwed(server);
  expect(await tombstonesOf(server, 'replica2')).toBe(DELETED_FILES);
  await expectCopies(server, 'replica1', 'replica2');
  await expectEqual(server);
});

it('an installation that had none is told of the deletes by the next repair', async () => {
  const server = await startServer();
  await startAnew(server, replicasOf(server));
  await live(server);
  await startAnew(server, replicasOf(server, 'replica3'));
  await nothingOwed(server);
  await expectEqual(server);
  expect(await tombstonesOf(server, 'replica3')).toBe(DELETED_FILES);
  await expectCopies(server, 'replica3');
});
