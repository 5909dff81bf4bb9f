// Methods that no route knows, and heads that no request may have: each refused with a problem, and nobody harmed.
import { connect } from 'node:net';
import { once } from 'node:events';
import { describe, expect, it } from 'vitest';
import { store } from '../server/file-client.js';
import type { Problem } from '../server/file-client.js';
import { useServer } from '../server/harness.js';
import { ask, talk } from '../server/http-client.js';

const server = useServer();

interface Told {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly problem: Problem;
}

async function tell(head: string): Promise<Told> {
  const text = await talk(server.url, head);
  const [top = '', body = ''] = text.split('\r\n\r\n');
  const [statusLine = '', ...lines] = top.split('\r\n');
  const headers = lines.map((line) => [line.split(': ')[0]!.toLowerCase(), line.split(': ')[1]!]);
  return {
    status: Number(statusLine.split(' ')[1]),
    headers: Object.fromEntries(headers) as Record<string, string>,
    problem: JSON.parse(body) as Problem,
  };
}

const END = 'Host: localhost\r\nConnection: close\r\n\r\n';

describe('a method', () => {
  it.each([
    ['TRACE', '/files', 'GET, HEAD'],
    ['OPTIONS', '/files', 'GET, HEAD'],
    ['PATCH', '/files', 'GET, HEAD'],
    ['PROPFIND', '/files', 'GET, HEAD'],
    ['QUERY', '/files', 'GET, HEAD'],
    ['TRACE', '/%66iles', 'GET, HEAD'],
    ['TRACE', 'http://localhost/files', 'GET, HEAD'],
    ['TRACE', '/files/x', 'DELETE, GET, HEAD'],
    ['TRACE', '/write', 'PUT'],
    ['TRACE', '/upload', 'POST'],
    ['TRACE', '/download/x', 'GET, HEAD'],
    ['CONNECT', '127.0.0.1:80', 'DELETE, GET, HEAD, POST, PUT'],
    ['FOO', '/files', 'DELETE, GET, HEAD, POST, PUT'],
    ['get', '/files', 'DELETE, GET, HEAD, POST, PUT'],
  ])('%s of %s is not allowed, and Allow says what is', async (method, target, allow) => {
    const { status, headers, problem } = await tell(`${method} ${target} HTTP/1.1\r\n${END}`);
    expect([status, problem.code, headers['allow']]).toEqual([405, 'method_not_allowed', allow]);
    expect(headers['content-type']).toBe('application/problem+json');
  });

  it('that no route knows is refused before its body is looked at', async () => {
    for (const type of ['application/json', 'nonsense', 'text/xml']) {
      const body = `Content-Type: ${type}\r\nContent-Length: 1\r\nHost: localhost\r\nConnection: close\r\n\r\n{`;
      expect((await tell(`POST /files HTTP/1.1\r\n${body}`)).problem.code).toBe('method_not_allowed');
      expect((await tell(`POST /nowhere HTTP/1.1\r\n${body}`)).problem.code).toBe('route_not_found');
    }
  });

  it('is not what another header says', async () => {
    const { file_id } = await store(server.url, { name: 'a', content: 'x' });
    const headers = {
      'x-http-method-override': 'DELETE',
      'x-http-method': 'DELETE',
      'x-method-override': 'DELETE',
    };
    const url = `${server.url}/files/${file_id}`;
    expect((await ask(url, { method: 'POST', headers })).status).toBe(405);
    expect((await ask(`${url}?_method=DELETE`, { headers })).status).toBe(200);
    expect((await ask(url)).status).toBe(200);
  });

  it('that asks for a tunnel and breaks off harms nobody', async () => {
    for (let client = 0; client < 20; client += 1) {
      const socket = connect(Number(new URL(server.url).port), '127.0.0.1');
      socket.on('error', () => undefined);
      socket.write(`CONNECT a:1 HTTP/1.1\r\n${END}`);
      await once(socket, 'readable');
      socket.resetAndDestroy();
    }
    expect((await ask(`${server.url}/health`)).status).toBe(200);
  });
});

describe('a head', () => {
  it.each([
    ['no Host', 'GET /health HTTP/1.1\r\nConnection: close\r\n\r\n'],
    ['two Hosts', `GET /health HTTP/1.1\r\nhost: localhost\r\n${END}`],
    ['no Host and a body', `PUT /write?name=a HTTP/1.1\r\nContent-Length: 100000\r\n\r\n${'x'.repeat(100_000)}`],
    ['no form at all', 'NONSENSE\r\n\r\n'],
    ['another protocol', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'],
    ['no name in a header', `GET /health HTTP/1.1\r\n: x\r\n${END}`],
    ['a folded header', `GET /health HTTP/1.1\r\nX: a\r\n b\r\n${END}`],
  ])('with %s is malformed', async (_what, head) => {
    const { status, headers, problem } = await tell(head);
    expect([status, problem.code]).toEqual([400, 'invalid_request']);
    expect(headers['content-type']).toBe('application/problem+json');
  });

  it.each([
    ['201 headers', `GET /health HTTP/1.1\r\n${'a:\r\n'.repeat(199)}${END}`],
    ['3,000 headers', `GET /health HTTP/1.1\r\n${'a:\r\n'.repeat(3000)}${END}`],
    ['3,000 longer ones', `GET /health HTTP/1.1\r\n${'x-name: value\r\n'.repeat(3000)}${END}`],
    ['a header of 17 KiB', `GET /health HTTP/1.1\r\nX: ${'x'.repeat(17 * 1024)}\r\n${END}`],
    ['a URL of 17 KiB', `GET /files?prefix=${'x'.repeat(17 * 1024)} HTTP/1.1\r\n${END}`],
  ])('with %s is too large', async (_what, head) => {
    const { status, headers, problem } = await tell(head);
    expect([status, problem.code]).toEqual([431, 'headers_too_large']);
    expect(headers).toMatchObject({ 'content-type': 'application/problem+json', connection: 'close' });
  });

  it('with 200 headers is read to the last of them', async () => {
    const { status, problem } = await tell(`GET /health HTTP/1.1\r\n${'a:\r\n'.repeat(198)}${END}`);
    expect([status, problem]).toEqual([200, { status: 'ok' }]);
    const origin = `Origin: https://evil.example\r\nHost: localhost\r\n\r\n`;
    expect((await tell(`GET /health HTTP/1.1\r\n${'a:\r\n'.repeat(198)}${origin}`)).problem.code).toBe(
      'forbidden_origin',
    );
  });

  it('without Host is fine in HTTP/1.0, and gets what Host would have to allow', async () => {
    expect((await tell('GET /files HTTP/1.0\r\n\r\n')).problem.code).toBe('forbidden_origin');
  });
});

describe('what is refused at the door', () => {
  it.each([
    [
      'two hosts',
      `GET /files?prefix=hidden-query HTTP/1.1\r\nHost: a\r\n${END}`,
      { path: '/files', code: 'invalid_request' },
    ],
    ['no colon', `GET /hidden HTTP/1.1\r\nhidden\r\n${END}`, { path: null, status: 400, code: 'invalid_request' }],
    ['a long header', `GET /files HTTP/1.1\r\nX: ${'hidden'.repeat(3000)}\r\n${END}`, { path: null, status: 431 }],
    ['a tunnel', `CONNECT hidden-host:80 HTTP/1.1\r\n${END}`, { path: null, status: 405 }],
  ])('with %s leaves a line in the log, and nothing of what it brought', async (_what, head, line) => {
    const before = server.process.stdout.length;
    await tell(head);
    await expect.poll(() => server.process.logLines().slice(before)).toContainEqual(expect.objectContaining(line));
    expect(server.process.stdout.join('\n')).not.toContain('hidden');
  });
});
