/** The built `npm run repair`, as a person runs it. */
import { once } from 'node:events';
import { readFile, rm, unlink, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { everythingIn, LARGE, replicaOf, storeLarge } from '../replication/copies.js';
import { nothingOwed } from '../replication/replica-client.js';
import { contentOf } from '../replication/stores.js';
import { startServer } from '../server/harness.js';
import type { TestServer } from '../server/harness.js';
import { ask, testBytes } from '../server/http-client.js';
import type { Environment } from '../server/installation.js';
import { runRepairProgram as run, startRepairProgram as start } from './repair-program.js';

const FILES = 4;

async function served(): Promise<{ server: TestServer; fileIds: string[]; environment: Environment }> {
  const server = await startServer();
  const fileIds: string[] = [];
  for (let seed = 1; seed <= FILES; seed += 1) fileIds.push((await storeLarge(server, seed)).file_id);
  await nothingOwed(server);
  return { server, fileIds, environment: { ...server.installation.environment, HOLDFAST_URL: server.url } };
}

async function damage({ installation }: TestServer): Promise<void> {
  const { chunks } = await contentOf(installation.primary);
  await rm(join(installation.directory, 'replica1', 'chunks'), { recursive: true });
  for (const chunkId of Object.keys(chunks).slice(0, 10)) {
    const path = join(installation.primary, 'chunks', chunkId.slice(0, 2), chunkId);
    const bytes = await readFile(path);
    bytes[0]! ^= 0xff;
    await writeFile(path, bytes);
  }
}

describe('npm run repair', () => {
  it('--deep mends a replica without chunks and flipped bytes on the primary, and ends with equal censuses', async () => {
    const { server, fileIds, environment } = await served();
    const whole = await contentOf(server.installation.primary);
    await damage(server);
    const repairing = run(environment, '--deep');
    for (const [index, fileId] of fileIds.entries()) {
      const { status, body } = await ask(`${server.url}/download/${fileId}`);
      expect([status, body.equals(testBytes(LARGE, index + 1))]).toEqual([200, true]);
    }
    const { code, stdout, stderr } = await repairing;
    expect([code, stderr]).toEqual([0, '']);
    expect(stdout).toMatch(/all stores are equal\n$/);
    expect(stdout).toMatch(/^store +manifests +tombstones +chunks +size +garbage +digest$/m);
    const digests = [...stdout.matchAll(/^(?:primary|replica\d) .* ([0-9a-f]{16})$/gm)].map(([, digest]) => digest);
    expect([digests.length, new Set(digests).size]).toEqual([3, 1]);
    for (const name of ['replica1', 'replica2']) expect(await contentOf(replicaOf(server, name))).toEqual(whole);
  });

  it('--dry-run says what is wrong, changes nothing and ends with 4; --store looks at that store alone', async () => {
    const { server, environment } = await served();
    const root = replicaOf(server, 'replica1');
    const [chunkId] = Object.keys((await contentOf(root)).chunks);
    await unlink(join(root, 'chunks', chunkId!.slice(0, 2), chunkId!));
    const before = await everythingIn(root);
    const looked = await run(environment, '--dry-run');
    expect(looked.code).toBe(4);
    expect(looked.stdout).toContain(`replica1: missing: chunk ${chunkId}`);
    expect(looked.stdout).toMatch(/the stores are NOT equal\n$/);
    expect(await everythingIn(root)).toEqual(before);
    const other = await run(environment, '--dry-run', '--store', 'replica2');
    expect([other.code, other.stdout.split('\n').at(-2)]).toEqual([
      0,
      'replica2 and primary are equal; nothing was compared with replica1',
    ]);
    const alone = await run(environment, '--dry-run', '--store', 'primary');
    expect([alone.code, alone.stdout.split('\n').at(-2)]).toEqual([
      0,
      'primary holds what the catalog says; no other store was compared with it',
    ]);
    const one = await run(environment, '--dry-run', '--store', 'replica1');
    expect([one.code, one.stdout.split('\n').at(-2)]).toEqual([4, 'replica1 and primary are NOT equal']);
    const mended = await run(environment, '--store', 'replica1', '--json');
    expect([mended.code, JSON.parse(mended.stdout)]).toEqual([
      0,
      expect.objectContaining({ equal: true, whole: true, mended: 1, left: 0, left_out: ['primary', 'replica2'] }),
    ]);
  });

  it('--offline repairs a stopped installation, and leaves it stopped', async () => {
    const { server } = await served();
    const { environment, primary } = server.installation;
    const whole = await contentOf(primary);
    await server.process.stop('SIGKILL');
    await damage(server);
    const { code, stdout, stderr } = await run(environment, '--offline', '--deep');
    expect([code, stderr]).toEqual([0, '']);
    expect(stdout).toMatch(/all stores are equal\n$/);
    expect(await contentOf(primary)).toEqual(whole);
    expect(await contentOf(replicaOf(server, 'replica1'))).toEqual(whole);
    expect(await run(environment, '--dry-run')).toMatchObject({ code: 3 });
  });

  it('--offline of a server that runs is refused with 3', async () => {
    const { server } = await served();
    const { code, stderr } = await run(server.installation.environment, '--offline');
    expect([code, stderr]).toEqual([3, expect.stringContaining('is in use by process')]);
  });

  it.each([
    ['an unknown option', ['--deeper'], {}],
    ['a store that is not there', ['--store', 'nowhere'], {}],
    ['--offline with --url', ['--offline', '--url', 'http://127.0.0.1:1'], {}],
    ['a wrong setting', [], { PORT: 'x', HOLDFAST_URL: '' }],
    ['a URL with a key in it', ['--url', 'http://user:key@127.0.0.1:1'], {}],
  ])('%s ends with 2', async (_what, words, settings) => {
    const { environment } = await served();
    expect(await run({ ...environment, ...settings }, ...words)).toMatchObject({ code: 2, stdout: '' });
  });

  it('asks the server that HOLDFAST_URL names, below its path, and shows it no key but HOLDFAST_API_KEY', async () => {
    const asked: unknown[] = [];
    const other = createServer(({ url, headers }, response) => {
      asked.push([url, headers.authorization]);
      response.statusCode = 404;
      response.end(JSON.stringify({ detail: 'There is no store.' }));
    });
    other.listen(0, '127.0.0.1');
    await once(other, 'listening');
    onTestFinished(() => void other.close());
    const { port } = other.address() as AddressInfo;
    const environment = { PORT: '1', HOLDFAST_URL: `http://127.0.0.1:${port}/site/`, ADMIN_API_KEY: 'k'.repeat(40) };
    expect(await run(environment)).toMatchObject({ code: 2, stderr: expect.stringContaining('no store') as string });
    await run({ ...environment, HOLDFAST_API_KEY: 'mine' }, '--deep');
    expect(asked).toEqual([
      ['/site/admin/repair', undefined],
      ['/site/admin/repair?deep=true', 'Bearer mine'],
    ]);
  });

  it('interrupted ends with 130, and says how to go on', async () => {
    const asked = Promise.withResolvers<void>();
    const endless = createServer(({ method }, response) => {
      if (method === 'GET') asked.resolve();
      response.end(JSON.stringify({ operation_id: 'the-operation', state: 'running', done: 1, total: 2, result: {} }));
    });
    endless.listen(0, '127.0.0.1');
    await once(endless, 'listening');
    onTestFinished(() => void endless.close());
    const { port } = endless.address() as AddressInfo;
    const { child, outcome } = start({}, '--url', `http://127.0.0.1:${port}`);
    await asked.promise;
    child.kill('SIGINT');
    const { code, stderr } = await outcome;
    expect([code, stderr]).toEqual([130, expect.stringContaining('/admin/operations/the-operation')]);
  });
});
