// A delete that holds only for the file its client means: refused before anything is logged, and won by one of many.
import { describe, expect, it } from 'vitest';
import { store } from '../server/file-client.js';
import type { Problem, StoredFile } from '../server/file-client.js';
import { useServer } from '../server/harness.js';
import { ask } from '../server/http-client.js';

const server = useServer();

const EARLIER = 'Sun, 06 Nov 1994 08:49:37 GMT';
const storeOne = () => store(server.url, { name: 'a', content: 'x' });
const tagOf = ({ sha256 }: StoredFile) => `"${sha256}"`;
const storedAt = ({ created_at }: StoredFile) => new Date(created_at).toUTCString();

const remove = (file: StoredFile, headers: Record<string, string> = {}) =>
  ask(`${server.url}/files/${file.file_id}`, { method: 'DELETE', headers });

/** Deletes in the log; a checkpoint may be logged at any time. */
const loggedDeletes = async (fileId: string) => {
  const { entries } = (await ask(`${server.url}/admin/wal/entries?after=0&limit=1000`)).json<{
    entries: Array<{ type: string; file_id: string }>;
  }>();
  return entries.filter(({ type, file_id }) => type === 'file_delete' && file_id === fileId).length;
};

describe('a delete', () => {
  it.each<[header: string, value: (file: StoredFile) => string]>([
    ['If-Match', () => '"another"'],
    ['If-Match', (file) => `W/${tagOf(file)}`],
    ['If-Match', () => ''],
    ['If-None-Match', tagOf],
    ['If-None-Match', (file) => `W/${tagOf(file)}`],
    ['If-None-Match', () => '*'],
    ['If-Unmodified-Since', () => EARLIER],
  ])('is refused by %s: %s, and nothing is logged', async (header, value) => {
    const file = await storeOne();
    const answer = await remove(file, { [header]: value(file) });
    expect([answer.status, answer.json<Problem>().code]).toEqual([412, 'precondition_failed']);
    expect(answer.json()).toMatchObject({ condition: header });
    expect(await loggedDeletes(file.file_id)).toBe(0);
    expect((await ask(`${server.url}/read/${file.file_id}`)).status).toBe(200);
  });

  it.each<[header: string, value: (file: StoredFile) => string]>([
    ['If-Match', tagOf],
    ['If-Match', (file) => `"another", ${tagOf(file)}`],
    ['If-Match', () => '*'],
    ['If-None-Match', () => '"another"'],
    ['If-Unmodified-Since', storedAt],
    ['If-Unmodified-Since', () => 'yesterday'],
    // For reads only.
    ['If-Modified-Since', storedAt],
  ])('goes on with %s: %s', async (header, value) => {
    const file = await storeOne();
    expect((await remove(file, { [header]: value(file) })).status).toBe(204);
    expect((await ask(`${server.url}/read/${file.file_id}`)).status).toBe(404);
  });

  it('is done by one of many at once, and the others find nothing', async () => {
    const file = await storeOne();
    const answers = await Promise.all(Array.from({ length: 8 }, () => remove(file, { 'If-Match': tagOf(file) })));
    const statuses = answers.map(({ status }) => status).toSorted((a, b) => a - b);
    expect(statuses).toEqual([204, ...Array.from({ length: 7 }, () => 404)]);
    expect(await loggedDeletes(file.file_id)).toBe(1);
  });

  it('finds nothing where there is no file, whatever its conditions', async () => {
    const file = await storeOne();
    await remove(file);
    for (const [name, value] of [
      ['If-Match', '"x"'],
      ['If-Match', '*'],
      ['If-None-Match', '*'],
    ] as const) {
      const answer = await remove(file, { [name]: value });
      expect([answer.status, answer.json<Problem>().code]).toEqual([404, 'file_not_found']);
    }
  });
});

it('what is known of a file has no validators: it changes with its copies', async () => {
  const { headers } = await ask(`${server.url}/files/${(await storeOne()).file_id}`);
  expect(headers).not.toHaveProperty('etag');
  expect(headers).not.toHaveProperty('last-modified');
});
