// However a path is written, it wants the key of what it leads to, and shows nothing to who has none.
import { beforeAll, describe, expect, it } from 'vitest';
import { useServer } from '../server/harness.js';
import { ask, talk } from '../server/http-client.js';

const KEY = 'client-key-0123456789';
const ADMIN_KEY = 'admin-key-0123456789';

const server = useServer({ API_KEY: `laptop:${KEY}`, ADMIN_API_KEY: `operator:${ADMIN_KEY}` });

let fileId: string;

beforeAll(async () => {
  const headers = { authorization: `Bearer ${KEY}` };
  const answer = await ask(`${server.url}/write?name=a`, { method: 'PUT', headers, body: 'secret bytes' });
  fileId = answer.json<{ file_id: string }>().file_id;
});

const ROUTES: Array<[method: string, path: string]> = [
  ['GET', '/ready'],
  ['GET', '/files'],
  ['GET', '/files/:id'],
  ['DELETE', '/files/:id'],
  ['GET', '/download/:id'],
  ['HEAD', '/download/:id'],
  ['GET', '/read/:id'],
  ['PUT', '/write'],
  ['POST', '/upload'],
  ['GET', '/docs'],
  ['GET', '/docs/'],
  ['GET', '/docs/swagger-ui.css'],
  ['GET', '/docs-json'],
  ['GET', '/docs-yaml'],
  ['GET', '/admin/wal/segments'],
  ['GET', '/admin/wal/entries'],
  ['GET', '/admin/wal/inspect/1'],
  ['GET', '/nowhere'],
];

const hex = (character: string, digits: 'upper' | 'lower') => {
  const code = character.charCodeAt(0).toString(16).padStart(2, '0');
  return `%${digits === 'upper' ? code.toUpperCase() : code}`;
};

const SPELLINGS: Array<[what: string, spell: (path: string) => string]> = [
  ['as it is', (path) => path],
  ['first letter encoded', (path) => `/${hex(path[1]!, 'lower')}${path.slice(2)}`],
  ['every letter encoded', (path) => path.replaceAll(/[a-z]/g, (letter) => hex(letter, 'lower'))],
  ['every letter encoded in capitals', (path) => path.replaceAll(/[a-z]/g, (letter) => hex(letter, 'upper'))],
  ['encoded twice', (path) => `/%25${hex(path[1]!, 'lower').slice(1)}${path.slice(2)}`],
  ['slashes encoded', (path) => `/${path.slice(1).replaceAll('/', '%2f')}`],
  ['slashes encoded in capitals', (path) => `/${path.slice(1).replaceAll('/', '%2F')}`],
  ['all slashes encoded', (path) => path.replaceAll('/', '%2F')],
  ['backslashes', (path) => path.replaceAll('/', '\\')],
  ['a slash at the end', (path) => `${path}/`],
  ['an encoded slash at the end', (path) => `${path}%2f`],
  ['double slashes', (path) => path.replaceAll('/', '//')],
  ['a double slash at the start', (path) => `/${path}`],
  ['a dot', (path) => `/.${path}`],
  ['dots from a place that wants no key', (path) => `/health/..${path}`],
  ['encoded dots from there', (path) => `/health/%2e%2E${path}`],
  ['dots from a place for every key', (path) => `/files/..${path}`],
  ['in capitals', (path) => path.toUpperCase()],
  ['a parameter of the path', (path) => `${path};a=/health`],
  ['a query', (path) => `${path}?a=/health`],
  ['a fragment', (path) => `${path}#/health`],
  ['a NUL', (path) => `${path}%00`],
  ['a malformed escape', (path) => `${path}%zz`],
  ['half a character', (path) => `${path}%c3`],
  ['far too long', (path) => `${path}/${'x'.repeat(2000)}`],
  ['with a host', (path) => `http://127.0.0.1${path}`],
  ['with another host', (path) => `http://evil.example/health/..${path}`],
  ['without a slash', (path) => path.slice(1)],
];

interface Told {
  readonly status: number;
  readonly text: string;
}

async function tell(method: string, target: string, key?: string): Promise<Told> {
  const authorization = key === undefined ? '' : `Authorization: Bearer ${key}\r\n`;
  const head = `${method} ${target} HTTP/1.1\r\nHost: localhost\r\n${authorization}Connection: close\r\n\r\n`;
  const text = await talk(server.url, head);
  return { status: Number(text.slice('HTTP/1.1 '.length).slice(0, 3)), text };
}

describe.each(SPELLINGS)('%s', (_what, spell) => {
  it.each(ROUTES)('%s %s wants a key', async (method, path) => {
    const target = spell(path.replace(':id', fileId));
    const { status, text } = await tell(method, target);
    // A target that is no target at all is refused before anyone is asked for a key.
    expect(target.startsWith('/') || target.startsWith('http:') ? [401] : [400, 401]).toContain(status);
    expect(text).not.toContain('secret bytes');
  });

  it.each(ROUTES.filter(([, path]) => path.startsWith('/admin')))('%s %s wants an admin key', async (method, path) => {
    const { status, text } = await tell(method, spell(path), KEY);
    expect([400, 401, 404]).toContain(status);
    expect(text).not.toContain('log_id');
  });

  it('/health shows nothing but itself', async () => {
    const { status, text } = await tell('GET', spell('/health'));
    expect([200, 400, 401]).toContain(status);
    expect(text.split('\r\n\r\n')[1]).toMatch(status === 200 ? /^\{"status":"ok"\}$/ : /^(\{.*\})?$/);
  });
});

it('the file is still there', async () => {
  expect((await tell('GET', `/read/${fileId}`, KEY)).text).toContain('secret bytes');
});
