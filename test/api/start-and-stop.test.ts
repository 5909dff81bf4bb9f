// How the process starts, refuses to start, and ends: exit codes, what it says and where.
import { once } from 'node:events';
import { readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { connect } from 'node:net';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { store } from '../server/file-client.js';
import type { Problem } from '../server/file-client.js';
import { startServer, TestServer } from '../server/harness.js';
import { ask, testBytes } from '../server/http-client.js';
import { makeInstallation, MAX_FILE_SIZE } from '../server/installation.js';
import type { Environment, Installation } from '../server/installation.js';
import { ServerProcess } from '../server/server-process.js';

let installation: Installation;

beforeAll(async () => {
  installation = await makeInstallation({ REPLICAS: '' });
});

afterAll(() => installation.remove());

/** Starts a server that is expected not to come up. */
async function refusedStart(settings: Environment) {
  const server = new ServerProcess({ ...installation.environment, ...settings });
  const { code } = await server.exited;
  expect(server.stderr).toMatch(/^holdfast: [^\n]+\n$/);
  const lines = server.logLines();
  expect(lines.at(-1)).toMatchObject({ level: 'fatal', exit_code: code });
  return { code, line: server.stderr.trimEnd(), last: lines.at(-1)! };
}

describe('a wrong setting', () => {
  it.each([
    [{ PORT: 'eighty' }, 'PORT'],
    [{ CHUNK_SIZE: '1' }, 'CHUNK_SIZE'],
    [{ HOST: '0.0.0.0' }, 'HOST'],
    [{ HOST: '198.51.100.1', API_KEY: 'k'.repeat(32) }, 'HOST'],
    [{ LOG_LEVEL: 'loud' }, 'LOG_LEVEL'],
    [{ REPLICATION_MODE: 'often' }, 'REPLICATION_MODE'],
    [{ API_KEY: 'too short' }, 'API_KEY'],
  ])('%j is named and exits with 2', async (settings, name) => {
    const { code, line, last } = await refusedStart(settings);
    expect(code).toBe(2);
    expect(line).toContain(`${name}=`);
    expect(last).toMatchObject({ code: 'setting_invalid', setting: name });
  });

  it('among others is named with them, on one line', async () => {
    const { line } = await refusedStart({ PORT: 'x', READ_PARALLELISM: 'y' });
    expect(line).toContain('PORT=x');
    expect(line).toContain('READ_PARALLELISM=y');
  });

  it('is never shown where it is secret', async () => {
    const { line, last } = await refusedStart({ API_KEY: 'hunter2' });
    expect(line + JSON.stringify(last)).not.toContain('hunter2');
  });
});

describe('beside a running server', () => {
  const first = new TestServer({ REPLICAS: '' });
  beforeAll(() => first.start());
  afterAll(() => first.remove());

  it('a second one on the same directories exits with 3 and names the holder', async () => {
    const { code, line, last } = await refusedStart(first.installation.environment);
    expect(code).toBe(3);
    expect(line).toContain(`process ${first.process.pid}`);
    expect(last).toMatchObject({ code: 'directory_locked', pid: first.process.pid });
    expect((await ask(`${first.url}/health`)).status).toBe(200);
  });

  it('one that shares only the log, or only the primary, exits with 3', async () => {
    const { wal, primary } = first.installation;
    expect((await refusedStart({ WAL_PATH: wal })).code).toBe(3);
    expect((await refusedStart({ STORAGE_PATH: primary })).code).toBe(3);
  });

  it('one on the same port exits with 3, names the address, and has touched nothing', async () => {
    const { port } = new URL(first.url);
    const { code, line, last } = await refusedStart({ PORT: port });
    expect(code).toBe(3);
    expect(line).toContain(`127.0.0.1:${port}`);
    expect(last).toMatchObject({ code: 'address_in_use', port: Number(port) });
    const other = new ServerProcess(installation.environment);
    onTestFinished(async () => void (await other.stop('SIGKILL')));
    await other.url();
    expect(await other.stop()).toEqual({ code: 0, signal: null });
  });
});

it('a port that another program holds exits with 3', async () => {
  const other = createServer().listen(0, '127.0.0.1');
  await once(other, 'listening');
  const { port } = other.address() as AddressInfo;
  const { code, line } = await refusedStart({ PORT: String(port) });
  other.close();
  expect([code, line]).toEqual([3, expect.stringContaining(`:${port}`)]);
});

it('a damaged log exits with 4, names the place, and changes nothing', async () => {
  const server = await startServer({ REPLICAS: '' });
  for (let file = 0; file < 10; file += 1) await store(server.url, { name: `file-${file}`, content: 'x' });
  await server.process.stop('SIGKILL');
  const segment = join(server.installation.wal, 'segments', '00000000000000000001.wal');
  const bytes = await readFile(segment);
  bytes[300]! ^= 0xff;
  await writeFile(segment, bytes);
  const { code, line, last } = await refusedStart(server.installation.environment);
  expect(code).toBe(4);
  expect(line).toContain('00000000000000000001');
  expect(last).toMatchObject({ code: 'log_corrupt' });
  expect((await readFile(segment)).equals(bytes)).toBe(true);
});

it('a directory that cannot be made exits with 2 and names its setting', async () => {
  const file = join(installation.directory, 'a-file');
  await writeFile(file, '');
  expect(await refusedStart({ WAL_PATH: join(file, 'wal') })).toMatchObject({
    code: 2,
    line: expect.stringContaining('WAL_PATH='),
  });
  await rm(file);
});

describe('a stop', () => {
  const server = new TestServer({ REPLICAS: '' });
  beforeEach(async () => {
    await server.start();
    return async () => void (await server.process.stop('SIGKILL'));
  });
  afterAll(() => server.remove());

  it.each(['SIGTERM', 'SIGINT'] as const)('by %s ends with 0 and leaves nothing to recover', async (signal) => {
    const content = testBytes(100_000);
    const file = await store(server.url, { name: 'kept', content });
    expect(await server.process.stop(signal)).toEqual({ code: 0, signal: null });
    expect(server.process.stderr).toBe('');
    expect(server.process.logLines().at(-1)).toMatchObject({ msg: 'stopped', outcome: 'clean' });
    await server.start();
    const { last_recovery: recovery } = (await ask(`${server.url}/ready`)).json<{ last_recovery: Environment }>();
    expect(recovery).toMatchObject({ torn_tail_path: null, catalog_rebuilt: null });
    // The checkpoint's own record stands behind what it covers.
    expect(recovery['replayed_records']).toBeLessThanOrEqual(1);
    expect((await ask(`${server.url}/read/${file.file_id}`)).body.equals(content)).toBe(true);
    await server.process.stop();
  });

  it('by Ctrl-C under npm, which sends the signal twice, is one stop', async () => {
    server.process.signal('SIGINT');
    server.process.signal('SIGINT');
    expect(await server.process.stop('SIGINT')).toEqual({ code: 0, signal: null });
  });

  it('waits for an upload that is under way, and takes no new connection', async () => {
    const port = Number(new URL(server.url).port);
    const content = testBytes(MAX_FILE_SIZE / 2);
    const upload = connect(port, '127.0.0.1');
    upload.write(`PUT /write?name=late HTTP/1.1\r\nHost: localhost\r\nContent-Length: ${content.length}\r\n\r\n`);
    upload.write(content.subarray(0, content.length / 2));
    const idle = connect(port, '127.0.0.1');
    idle.write('GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n');
    await once(idle, 'data');
    server.process.signal('SIGTERM');
    await once(idle, 'close');
    await expect(ask(`${server.url}/health`)).rejects.toThrow(/ECONNREFUSED|ECONNRESET/);
    upload.write(content.subarray(content.length / 2));
    const [answer] = (await once(upload, 'data')) as [Buffer];
    expect(answer.toString()).toMatch(/^HTTP\/1\.1 201 [\s\S]*connection: close/i);
    expect((await server.process.exited).code).toBe(0);
    await server.start();
    const { files } = (await ask(`${server.url}/files?prefix=late`)).json<{ files: unknown[] }>();
    expect(files).toHaveLength(1);
    await server.process.stop();
  });

  it('refuses a request whose headers end only now', async () => {
    const port = Number(new URL(server.url).port);
    const upload = connect(port, '127.0.0.1');
    upload.write('PUT /write?name=a HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n\r\nhel');
    const late = connect(port, '127.0.0.1');
    late.write('GET /files HTTP/1.1\r\n');
    await sleep(200);
    server.process.signal('SIGTERM');
    await sleep(200);
    late.write('Host: localhost\r\n\r\n');
    const [refusal] = (await once(late, 'data')) as [Buffer];
    expect(refusal.toString()).toMatch(/^HTTP\/1\.1 503 [\s\S]*"code":"shutting_down"/);
    upload.write('lo');
    const [answer] = (await once(upload, 'data')) as [Buffer];
    expect(answer.toString()).toMatch(/^HTTP\/1\.1 201 /);
    expect((await server.process.exited).code).toBe(0);
  });
});

it('writes JSON lines on stdout and nothing else, and nothing on stderr without a terminal', async () => {
  const server = await startServer({ REPLICAS: '', LOG_LEVEL: 'debug' });
  await store(server.url, { name: 'logged', content: 'x' });
  await ask(`${server.url}/nowhere`);
  await server.process.stop();
  const lines = server.process.logLines();
  for (const line of lines) expect(line).toMatchObject({ level: expect.any(String), time: expect.any(Number) });
  expect(lines.filter(({ msg }) => msg === 'request')).toMatchObject([
    { level: 'info', method: 'PUT', path: '/write', status: 201 },
    { level: 'info', method: 'GET', path: '/nowhere', status: 404, code: 'route_not_found' },
  ]);
  expect(server.process.stderr).toBe('');
});

it('says that it recovers while it does, and nothing else', async () => {
  const server = await startServer({ REPLICAS: '' });
  await server.process.stop();
  const starting = new ServerProcess(server.installation.environment);
  onTestFinished(async () => void (await starting.stop('SIGKILL')));
  let url: string | undefined;
  while (url === undefined) {
    await sleep(1);
    url = starting.logLines().find(({ msg }) => msg === 'recovering')?.['url'] as string | undefined;
  }
  const health = await ask(`${url}/health`);
  const ready = await ask(`${url}/ready`);
  const files = await ask(`${url}/files`);
  expect(health.status).toBe(200);
  // The recovery of so little may be over by then.
  const readiness = [ready.status, ready.json()['reasons']];
  const answer = [files.status, files.json<Problem>().code];
  expect([
    [200, []],
    [503, ['recovering']],
  ]).toContainEqual(readiness);
  expect([
    [200, undefined],
    [503, 'recovering'],
  ]).toContainEqual(answer);
  await starting.url();
});
