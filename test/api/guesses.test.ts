// Who guesses at keys is slowed, by address; who has one, and uses it, is not.
import { describe, expect, it } from 'vitest';
import type { Problem } from '../server/file-client.js';
import { startServer } from '../server/harness.js';
import { ask } from '../server/http-client.js';

const KEY = 'client-key-0123456789';
const NEW_KEY = 'unused-key-0123456789';
const ADMIN_KEY = 'admin-key-0123456789';
const SETTINGS = {
  API_KEY: `laptop:${KEY},new:${NEW_KEY}`,
  ADMIN_API_KEY: `operator:${ADMIN_KEY}`,
  LOG_LEVEL: 'debug',
};

const get = (url: string, authorization?: string) =>
  ask(url, { headers: authorization === undefined ? {} : { authorization } });

const guess = (url: string, number: number) => get(`${url}/files`, `Bearer guess-number-${number}-${'x'.repeat(9)}`);

/** What a wrong key is told once the guess that the seconds meanwhile have given back is spent too. */
async function slowedCode(url: string): Promise<string> {
  for (;;) {
    const { code } = (await get(url, `Bearer ${'y'.repeat(20)}`)).json<Problem>();
    if (code !== 'unauthorized') return code;
  }
}

/** Guesses until the answers change, which they must. */
async function guessUntilSlowed(url: string) {
  for (let number = 0; number < 1000; number += 1) {
    const answer = await guess(url, number);
    if (answer.status !== 401) return answer;
  }
  throw new Error('nobody minded a thousand guesses');
}

describe('wrong keys', () => {
  it('are answered with 429 and the time to wait, on every route, and leave no trace in the log', async () => {
    const server = await startServer(SETTINGS);
    const slowed = await guessUntilSlowed(server.url);
    expect(slowed.json<Problem>()).toMatchObject({ status: 429, code: 'too_many_guesses' });
    expect(slowed.status).toBe(429);
    expect(Number(slowed.headers['retry-after'])).toBeGreaterThan(0);
    expect(slowed.body.toString()).not.toContain('guess-number');
    await Promise.all(Array.from({ length: 50 }, (_, number) => guess(server.url, number)));
    for (const path of ['/files', '/admin/wal/segments', '/nowhere', '/%zz', '/docs']) {
      expect(await slowedCode(server.url + path)).toBe('too_many_guesses');
    }
    expect((await get(`${server.url}/health`)).status).toBe(200);
    await server.process.stop();
    const text = server.process.stdout.join('\n') + server.process.stderr;
    for (const secret of ['guess-number', 'yyyyyyyy', KEY]) expect(text).not.toContain(secret);
    expect(text).toContain('too_many_guesses');
  });

  it('do not lock out a key that is in use at the same address', async () => {
    const server = await startServer(SETTINGS);
    expect((await get(`${server.url}/files`, `Bearer ${KEY}`)).status).toBe(200);
    expect((await get(`${server.url}/admin/wal/segments`, `Bearer ${ADMIN_KEY}`)).status).toBe(200);
    await guessUntilSlowed(server.url);
    const flood = Array.from({ length: 200 }, (_, number) => guess(server.url, number));
    for (let round = 0; round < 20; round += 1) {
      expect((await get(`${server.url}/files`, `Bearer ${KEY}`)).status).toBe(200);
      expect((await get(`${server.url}/admin/wal/segments`, `Bearer ${ADMIN_KEY}`)).status).toBe(200);
    }
    await Promise.all(flood);
  });

  it('keep a key that is new there waiting only as long as the answer says', async () => {
    const server = await startServer(SETTINGS);
    const slowed = await guessUntilSlowed(server.url);
    await new Promise((resolve) => setTimeout(resolve, Number(slowed.headers['retry-after']) * 1000));
    expect((await get(`${server.url}/files`, `Bearer ${NEW_KEY}`)).status).toBe(200);
  });
});

it('no key, and a key that is right elsewhere, are no guesses', async () => {
  const server = await startServer(SETTINGS);
  for (let round = 0; round < 60; round += 1) {
    for (const authorization of [undefined, 'Basic eDp5', 'Bearer']) {
      expect((await get(`${server.url}/files`, authorization)).status).toBe(401);
    }
    expect((await get(`${server.url}/admin/wal/segments`, `Bearer ${KEY}`)).status).toBe(401);
    expect((await get(`${server.url}/files`, `Bearer ${ADMIN_KEY}`)).status).toBe(401);
  }
  expect((await get(`${server.url}/files`, `Bearer ${NEW_KEY}`)).status).toBe(200);
});
