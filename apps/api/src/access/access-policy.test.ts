import { describe, expect, it } from 'vitest';
import { AccessPolicy } from './access-policy.js';
import type { AccessRequest } from './access-policy.js';

const KEYS = [
  { label: 'backup', key: 'k'.repeat(32) },
  { label: 'key2', key: 'm'.repeat(32) },
];
const ADMIN = [{ label: 'operator', key: 'a'.repeat(32) }];

/** Every question comes long after the one before, so that no guess is one too many. */
let timeMs = 0;
const later = () => (timeMs += 60_000);

const open = new AccessPolicy({ apiKeys: [], adminApiKeys: [] }, later);
const keyed = new AccessPolicy({ apiKeys: KEYS, adminApiKeys: [] }, later);
const divided = new AccessPolicy({ apiKeys: KEYS, adminApiKeys: ADMIN }, later);
const adminOnly = new AccessPolicy({ apiKeys: [], adminApiKeys: ADMIN }, later);

const LOCAL = { host: '127.0.0.1:8080', origin: undefined, authorization: undefined };
const REMOTE = { host: 'files.example.org', origin: 'https://evil.example', authorization: undefined };
const ask = (request: Partial<AccessRequest>): AccessRequest => ({
  route: '/files',
  target: '/files',
  remoteAddress: '127.0.0.1',
  ...LOCAL,
  ...request,
});
const bearer = (key: string) => `Bearer ${key.repeat(32)}`;
const refused = (code: string) => expect.objectContaining({ code });

describe('without keys', () => {
  it.each(['127.0.0.1:8080', 'localhost', 'LOCALHOST:1', '127.9.9.9', '[::1]:8080', '[::1]'])(
    'Host %s is local',
    (host) => {
      expect(open.admit(ask({ host }))).toBeUndefined();
    },
  );

  it.each([
    undefined,
    '',
    'evil.example',
    'evil.example:8080',
    '192.168.1.5:8080',
    '0.0.0.0:8080',
    'localhost.evil.example',
    '127.0.0.1.evil.example',
    'localhost@evil.example',
    'evil.example@localhost',
    '127.0.0.1:8080, evil.example',
    '::1',
  ])('Host %j is refused', (host) => {
    expect(() => open.admit(ask({ host }))).toThrow(refused('forbidden_origin'));
  });

  it.each(['http://localhost:3000', 'http://127.0.0.1:8080', 'http://[::1]:8080', 'https://localhost'])(
    'Origin %s is local',
    (origin) => {
      expect(open.admit(ask({ origin }))).toBeUndefined();
    },
  );

  it.each([
    'null',
    '',
    'https://evil.example',
    'http://localhost.evil.example',
    'file://',
    'chrome-extension://localhost',
  ])('Origin %j is refused', (origin) => {
    expect(() => open.admit(ask({ origin }))).toThrow(refused('forbidden_origin'));
  });

  it.each(['http://evil.example/files', 'HTTP://evil.example:8080/files', 'http://localhost@evil.example/files'])(
    'target %s is refused, whatever Host says',
    (target) => {
      expect(() => open.admit(ask({ target }))).toThrow(refused('forbidden_origin'));
      expect(open.admit(ask({ target: 'http://localhost:8080/files', host: 'evil.example' }))).toBeUndefined();
    },
  );

  it('guards /health too', () => {
    expect(() => open.admit(ask({ route: '/health', host: 'evil.example' }))).toThrow(refused('forbidden_origin'));
  });
});

describe('with keys', () => {
  it('knows a key by its label', () => {
    expect(keyed.admit(ask({ authorization: bearer('k') }))).toBe('backup');
    expect(keyed.admit(ask({ authorization: `bearer  ${'m'.repeat(32)}` }))).toBe('key2');
  });

  it.each([
    undefined,
    '',
    'Bearer',
    'Bearer ',
    bearer('x'),
    'k'.repeat(32),
    `Basic ${'k'.repeat(32)}`,
    `${bearer('k')} `,
  ])('refuses Authorization %j', (authorization) => {
    expect(() => keyed.admit(ask({ authorization }))).toThrow(refused('unauthorized'));
  });

  it('lets anyone ask for /health, and for nothing like it', () => {
    expect(keyed.admit(ask({ route: '/health', ...REMOTE }))).toBeUndefined();
    for (const route of ['/ready', '/docs', '/files/:file_id']) {
      expect(() => keyed.admit(ask({ route, ...REMOTE }))).toThrow(refused('unauthorized'));
    }
    for (const target of ['/health', '/health/', '//health', '/healthy', '/%68ealth', '/nowhere']) {
      expect(() => keyed.admit(ask({ route: undefined, target, ...REMOTE }))).toThrow(refused('unauthorized'));
    }
  });

  it('does not look at Host or Origin', () => {
    expect(keyed.admit(ask({ ...REMOTE, authorization: bearer('k') }))).toBe('backup');
  });

  it('accepts them for /admin where there are no admin keys', () => {
    expect(keyed.admit(ask({ route: '/admin/wal/segments', authorization: bearer('k') }))).toBe('backup');
  });
});

describe('with admin keys', () => {
  const ADMIN_KEY = { authorization: bearer('a') };
  const OTHER_KEY = { authorization: bearer('k') };

  it('the route /admin wants one of them, however it was written', () => {
    const request = { route: '/admin/wal/segments', target: '/%61dmin/wal/segments' };
    expect(divided.admit(ask({ ...request, ...ADMIN_KEY }))).toBe('operator');
    expect(() => divided.admit(ask({ ...request, ...OTHER_KEY }))).toThrow(refused('unauthorized'));
  });

  it.each([
    '/admin',
    '/admin/',
    '/admin/nowhere?x=/files',
    '//admin/nowhere',
    '/%61dmin/nowhere',
    '/admin%2Fnowhere',
    '/admin%2fnowhere',
    '/files/../admin',
    '/files/%2E%2e/admin',
    '/./admin',
    '/\\admin',
    'http://files.example.org/admin/nowhere',
  ])('%s, which is no route, wants one of them', (target) => {
    const request = { route: undefined, target };
    expect(divided.admit(ask({ ...request, ...ADMIN_KEY }))).toBe('operator');
    expect(() => divided.admit(ask({ ...request, ...OTHER_KEY }))).toThrow(refused('unauthorized'));
  });

  it('everything else wants an ordinary one', () => {
    expect(divided.admit(ask({ authorization: bearer('k') }))).toBe('backup');
    expect(() => divided.admit(ask({ authorization: bearer('a') }))).toThrow(refused('unauthorized'));
    expect(() => divided.admit(ask({ route: '/administration', authorization: bearer('a') }))).toThrow(
      refused('unauthorized'),
    );
  });

  it('guards /admin also where nothing else wants a key', () => {
    expect(adminOnly.admit(ask({}))).toBeUndefined();
    expect(() => adminOnly.admit(ask({ route: '/admin/wal/segments' }))).toThrow(refused('unauthorized'));
    expect(adminOnly.admit(ask({ route: '/admin/wal/segments', authorization: bearer('a') }))).toBe('operator');
  });
});
