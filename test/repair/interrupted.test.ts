/** Repairs that are killed at any moment, with the server or without it, and begun again. Real processes. */
import { readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { LARGE, replicaOf, storeLarge } from '../replication/copies.js';
import { nothingOwed } from '../replication/replica-client.js';
import { contentOf } from '../replication/stores.js';
import type { StoreContent } from '../replication/stores.js';
import type { StoredFile } from '../server/file-client.js';
import { startServer } from '../server/harness.js';
import type { TestServer } from '../server/harness.js';
import { ask, testBytes } from '../server/http-client.js';
import { beginRepair } from './repair-client.js';
import { runRepairProgram, startRepairProgram } from './repair-program.js';

const FILES = 8;
const STORES = ['primary', 'replica1', 'replica2'];
/** Shares of the whole repair. */
const MOMENTS = [0, 0.3, 0.6];

interface Damaged {
  readonly server: TestServer;
  readonly files: readonly StoredFile[];
  readonly whole: StoreContent;
}

async function served(): Promise<Damaged> {
  const server = await startServer();
  const files: StoredFile[] = [];
  for (let seed = 1; seed <= FILES; seed += 1) files.push(await storeLarge(server, seed));
  await nothingOwed(server);
  return { server, files, whole: await contentOf(server.installation.primary) };
}

/** A replica without any chunk, and other bytes in ten chunks of the primary and three of the other replica. */
async function damage({ server, whole }: Damaged): Promise<void> {
  await rm(join(replicaOf(server, 'replica1'), 'chunks'), { recursive: true, force: true });
  const chunkIds = Object.keys(whole.chunks);
  for (const [name, ids] of [
    ['primary', chunkIds.slice(0, 10)],
    ['replica2', chunkIds.slice(-3)],
  ] as const) {
    for (const chunkId of ids) {
      const path = join(replicaOf(server, name), 'chunks', chunkId.slice(0, 2), chunkId);
      // What a repair that was killed has set aside is not there.
      const bytes = await readFile(path).catch(() => undefined);
      if (bytes !== undefined) await writeFile(path, bytes.fill('flipped', 0, 7));
    }
  }
}

async function expectServed({ server, files }: Damaged): Promise<void> {
  for (const [index, { file_id: fileId }] of files.entries()) {
    const { status, body } = await ask(`${server.url}/download/${fileId}`);
    expect([status, body.equals(testBytes(LARGE, index + 1))]).toEqual([200, true]);
  }
}

async function expectWhole({ server, whole }: Damaged): Promise<void> {
  for (const name of STORES) expect([name, await contentOf(replicaOf(server, name))]).toEqual([name, whole]);
}

/** Resolves when the repair has come so far; answers whether it is under way still. */
async function untilShare({ url }: TestServer, operationId: string, share: number): Promise<boolean> {
  for (;;) {
    const operation = (await ask(`${url}/admin/operations/${operationId}`)).json<{
      state: string;
      done: number;
      total: number;
    }>();
    if (operation.state !== 'running') return false;
    if (operation.done >= share * operation.total) return true;
    await delay(2);
  }
}

const environmentOf = ({ installation, url }: TestServer) => ({ ...installation.environment, HOLDFAST_URL: url });

/** The processes that a process has started. */
async function childrenOf(pid: number): Promise<number[]> {
  const text = await readFile(`/proc/${pid}/task/${pid}/children`, 'utf8').catch(() => '');
  return text
    .split(' ')
    .filter((word) => word !== '')
    .map(Number);
}

describe('a repair in depth', () => {
  it('whose server is killed at any moment of it goes on with the next one, and loses nothing', async () => {
    const damaged = await served();
    const { server } = damaged;
    let kills = 0;
    for (const share of MOMENTS) {
      await damage(damaged);
      const isUnderWay = await untilShare(server, await beginRepair(server, '?deep=true'), share);
      if (isUnderWay) kills += 1;
      await server.restart('SIGKILL');
    }
    expect(kills).toBeGreaterThanOrEqual(2);
    await expectServed(damaged);
    const { code, stdout } = await runRepairProgram(environmentOf(server), '--deep');
    expect([code, stdout]).toEqual([0, expect.stringMatching(/all stores are equal\n$/)]);
    await expectWhole(damaged);
  });

  it('whose server is killed and started again under the command says so, and is run again', async () => {
    const damaged = await served();
    const { server } = damaged;
    await damage(damaged);
    const { port } = new URL(server.url);
    const { outcome } = startRepairProgram(environmentOf(server), '--deep');
    await expect.poll(() => isRepairing(server), { timeout: 60_000, interval: 2 }).toBe(true);
    await server.process.stop('SIGKILL');
    await server.start({ PORT: port });
    const { code, stderr } = await outcome;
    expect([code, stderr]).toEqual([1, expect.stringMatching(/^repair: The server was restarted .* Run it again/)]);
    expect((await runRepairProgram(environmentOf(server), '--deep')).code).toBe(0);
    await expectWhole(damaged);
  });
});

describe('repair --offline', () => {
  it.each([
    ['the command is killed', (command: number) => [command]],
    ['both are killed', (command: number, servers: readonly number[]) => [command, ...servers]],
  ])('leaves nothing behind where %s, and mends all when it is run again', async (_what, victims) => {
    const damaged = await served();
    const { server } = damaged;
    await server.process.stop('SIGKILL');
    await damage(damaged);
    const { environment } = server.installation;
    const { child, outcome } = startRepairProgram(environment, '--offline', '--deep');
    // The first chunk that has been set aside says that it is in the midst of its work.
    await expect.poll(() => asideOf(damaged), { timeout: 60_000, interval: 2 }).toBeGreaterThan(0);
    for (const pid of victims(child.pid!, await childrenOf(child.pid!))) process.kill(pid, 'SIGKILL');
    expect((await outcome).code).not.toBe(0);
    let again = await runRepairProgram(environment, '--offline', '--deep');
    // A server that is left alone stops in good order, and has the locks until then.
    for (let tries = 0; again.code === 3 && tries < 20; tries += 1)
      again = await runRepairProgram(environment, '--offline', '--deep');
    expect([again.code, again.stdout]).toEqual([0, expect.stringMatching(/all stores are equal\n$/)]);
    await expectWhole(damaged);
    await server.start();
    await expectServed(damaged);
  });
});

async function asideOf({ server }: Damaged): Promise<number> {
  return (await readdir(join(server.installation.primary, 'corrupt'))).length;
}

/** What it sets aside shows that it has begun. */
async function isRepairing({ installation }: TestServer): Promise<boolean> {
  return (await readdir(join(installation.primary, 'corrupt'))).length > 0;
}
