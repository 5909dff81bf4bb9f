// Who gets in: without keys only programs on this machine, with keys only those who have one.
import { describe, expect, it, onTestFinished } from 'vitest';
import type { Problem } from '../server/file-client.js';
import { useServer } from '../server/harness.js';
import { ask, talk } from '../server/http-client.js';
import type { Answer } from '../server/http-client.js';
import { makeInstallation } from '../server/installation.js';
import { ServerProcess } from '../server/server-process.js';

const KEY = 'client-key-0123456789';
const ADMIN_KEY = 'admin-key-0123456789';

const codeOf = (answer: Answer) => [answer.status, answer.json<Problem>().code];

const ROUTES = ['/ready', '/files', '/docs', '/docs-json', '/docs/swagger-ui.css', '/admin/wal/segments', '/nowhere'];

describe('without keys', () => {
  const server = useServer();

  it.each(['evil.example', 'evil.example:8080', '192.168.1.1:8080', '127.0.0.1.evil.example'])(
    'a page that calls this server %s gets nothing',
    async (host) => {
      for (const path of [...ROUTES, '/health']) {
        expect(codeOf(await ask(`${server.url}${path}`, { headers: { host } }))).toEqual([403, 'forbidden_origin']);
      }
      const upload = await ask(`${server.url}/write?name=a`, { method: 'PUT', headers: { host }, body: 'x' });
      expect(codeOf(upload)).toEqual([403, 'forbidden_origin']);
    },
  );

  it('a page of another origin can neither store nor delete', async () => {
    const headers = { origin: 'https://evil.example' };
    const form = await ask(`${server.url}/upload?name=a`, { method: 'POST', headers, body: 'x' });
    expect(codeOf(form)).toEqual([403, 'forbidden_origin']);
    const { files } = (await ask(`${server.url}/files`)).json<{ files: unknown[] }>();
    expect(files).toEqual([]);
  });

  it('programs and pages of this machine get in', async () => {
    const port = new URL(server.url).port;
    for (const host of [`localhost:${port}`, `127.0.0.1:${port}`, `[::1]:${port}`, 'localhost']) {
      expect((await ask(`${server.url}/files`, { headers: { host } })).status).toBe(200);
    }
    const headers = { origin: `http://localhost:${port}` };
    expect((await ask(`${server.url}/files`, { headers })).status).toBe(200);
  });

  it('a request without Host gets nothing', async () => {
    expect(await talk(server.url, 'GET /files HTTP/1.0\r\n\r\n')).toMatch(/^HTTP\/1\.1 403 /);
  });

  it('what is no HTTP gets a problem', async () => {
    const answer = await talk(server.url, 'NONSENSE\r\n\r\n');
    expect(answer).toMatch(/^HTTP\/1\.1 400 Bad Request\r\n/);
    expect(answer).toContain('content-type: application/problem+json');
    expect(answer).toContain('"code":"invalid_request"');
  });
});

describe('a key that got lost', () => {
  it.each([
    ['API_KEY', ''],
    ['API_KEY', `laptop:${KEY},`],
    ['API_KEY', 'laptop:'],
    ['ADMIN_API_KEY', ''],
    ['ADMIN_API_KEY', `,operator:${ADMIN_KEY}`],
  ])('%s=%s does not open the server: the start is refused by name', async (name, value) => {
    const installation = await makeInstallation({ [name]: value });
    onTestFinished(() => installation.remove());
    const process = new ServerProcess(installation.environment);
    expect(await process.exited).toEqual({ code: 2, signal: null });
    expect(process.stderr).toContain(`${name}=`);
    for (const key of [KEY, ADMIN_KEY]) expect(process.stderr + process.stdout.join('')).not.toContain(key);
  });
});

describe('with keys', () => {
  const server = useServer({ API_KEY: `laptop:${KEY}`, ADMIN_API_KEY: `operator:${ADMIN_KEY}`, LOG_LEVEL: 'debug' });
  const as = (key: string, path: string) =>
    ask(`${server.url}${path}`, { headers: { authorization: `Bearer ${key}` } });

  it.each(ROUTES)('%s wants one', async (path) => {
    for (const headers of [{}, { authorization: 'Bearer wrong-key-0123456789' }, { authorization: `Basic ${KEY}` }]) {
      const answer = await ask(`${server.url}${path}`, { headers });
      expect(codeOf(answer)).toEqual([401, 'unauthorized']);
      expect(answer.headers['www-authenticate']).toMatch(/^Bearer/);
    }
  });

  it('/health wants none, under any name', async () => {
    expect((await ask(`${server.url}/health`, { headers: { host: 'files.example.org' } })).status).toBe(200);
  });

  it('the key opens everything but /admin', async () => {
    for (const path of ['/ready', '/files', '/docs-json']) expect((await as(KEY, path)).status).toBe(200);
    expect(codeOf(await as(KEY, '/nowhere'))).toEqual([404, 'route_not_found']);
    expect(codeOf(await as(KEY, '/admin/wal/segments'))).toEqual([401, 'unauthorized']);
    expect(codeOf(await as(KEY, '/%61dmin/wal/segments'))).toEqual([401, 'unauthorized']);
  });

  it('the admin key opens /admin', async () => {
    expect((await as(ADMIN_KEY, '/admin/wal/segments')).status).toBe(200);
    expect(codeOf(await as(ADMIN_KEY, '/files'))).toEqual([401, 'unauthorized']);
  });

  it('an upload without one is refused before it is stored', async () => {
    const refused = await ask(`${server.url}/write?name=a`, { method: 'PUT', body: 'x'.repeat(100_000) });
    expect(codeOf(refused)).toEqual([401, 'unauthorized']);
    const headers = { authorization: `Bearer ${KEY}` };
    const stored = await ask(`${server.url}/write?name=a`, { method: 'PUT', headers, body: 'x' });
    expect(stored.status).toBe(201);
    const { files } = (await as(KEY, '/files')).json<{ files: unknown[] }>();
    expect(files).toHaveLength(1);
  });

  it('the log says whose key it was and never the key', async () => {
    // The whole log: lines of requests are written a moment later, and all of them before the process ends.
    await server.process.stop();
    const text = server.process.stdout.join('\n');
    expect(text).toContain('"api_key":"laptop"');
    expect(text).toContain('"api_key":"operator"');
    expect(text).not.toContain(KEY);
    expect(text).not.toContain(ADMIN_KEY);
    expect(text).not.toContain('wrong-key');
  });
});
