// The list, in pages and by prefix; metadata; and the end of a file.
import { beforeAll, describe, expect, it } from 'vitest';
import { store } from '../server/file-client.js';
import type { Problem, StoredFile } from '../server/file-client.js';
import { useServer } from '../server/harness.js';
import { ask } from '../server/http-client.js';

const server = useServer();

interface Page {
  readonly files: StoredFile[];
  readonly next_cursor: string | null;
}

// In the order of their UTF-8 bytes, which is not that of JavaScript's strings: U+FF5E has one unit above the surrogates
// that make U+1F4E6, and fewer bytes.
const NAMES = ['A', 'B', 'a', 'a', 'a/b', 'aa', 'ab', 'b', 'ä', 'éa', '\uff5e', '📦', '📦📦'];

const list = async (query = ''): Promise<Page> => {
  const answer = await ask(`${server.url}/files${query}`);
  expect(answer.status).toBe(200);
  return answer.json<Page>();
};

async function listAll(query: string): Promise<StoredFile[]> {
  const files: StoredFile[] = [];
  let cursor = '';
  for (;;) {
    const page = await list(`?${query}${cursor}`);
    files.push(...page.files);
    if (page.next_cursor === null) return files;
    cursor = `&cursor=${encodeURIComponent(page.next_cursor)}`;
  }
}

const namesOf = (files: readonly StoredFile[]) => files.map((file) => file.file_name);

beforeAll(async () => {
  for (const name of NAMES.toReversed()) await store(server.url, { name, content: name });
});

describe('the list', () => {
  it('is in the order of the bytes of the names', async () => {
    const { files, next_cursor } = await list();
    expect(namesOf(files)).toEqual(NAMES);
    expect(next_cursor).toBeNull();
  });

  it('orders files of one name by their ids', async () => {
    const twins = (await list('?prefix=a')).files.filter((file) => file.file_name === 'a');
    const ids = twins.map((file) => file.file_id);
    expect(ids).toHaveLength(2);
    expect(ids).toEqual(ids.toSorted());
  });

  it.each([1, 2, 3, 5, 13, 1000])('has every file once in pages of %i', async (limit) => {
    expect(namesOf(await listAll(`limit=${limit}`))).toEqual(NAMES);
  });

  it.each(['a', 'a/', 'ä', '📦', 'nothing', 'A'])('with prefix %s has only those', async (prefix) => {
    const expected = NAMES.filter((name) => name.startsWith(prefix));
    expect(namesOf(await listAll(`prefix=${encodeURIComponent(prefix)}&limit=2`))).toEqual(expected);
  });

  it('goes on behind a file that was deleted meanwhile', async () => {
    const first = await list('?limit=3');
    const extra = first.files.at(-1)!;
    await ask(`${server.url}/files/${extra.file_id}`, { method: 'DELETE' });
    const rest = await list(`?cursor=${encodeURIComponent(first.next_cursor!)}`);
    expect(namesOf(rest.files)).toEqual(NAMES.slice(3));
    await store(server.url, { name: extra.file_name, content: extra.file_name });
  });

  it.each([
    'limit=0',
    'limit=1001',
    'limit=x',
    'limit=',
    'limit=1&limit=2',
    'cursor=x',
    'cursor=',
    'prefix=a&prefix=b',
  ])('refuses ?%s', async (query) => {
    const answer = await ask(`${server.url}/files?${query}`);
    expect([answer.status, answer.json<Problem>().code]).toEqual([400, 'invalid_request']);
  });
});

describe('a deleted file', () => {
  it('is gone, from every route and for good', async () => {
    const file = await store(server.url, { name: 'short-lived', content: 'x' });
    const deleted = await ask(`${server.url}/files/${file.file_id}`, { method: 'DELETE' });
    expect([deleted.status, deleted.body.length]).toEqual([204, 0]);
    const check = async () => {
      for (const route of ['files', 'download', 'read']) {
        const answer = await ask(`${server.url}/${route}/${file.file_id}`);
        expect([answer.status, answer.json<Problem>().code]).toEqual([404, 'file_not_found']);
      }
      const again = await ask(`${server.url}/files/${file.file_id}`, { method: 'DELETE' });
      expect([again.status, again.json<Problem>().code]).toEqual([404, 'file_not_found']);
      expect((await list('?prefix=short-lived')).files).toEqual([]);
    };
    await check();
    await server.restart();
    await check();
    await server.restart('SIGKILL');
    await check();
  });

  it('is deleted by one of two at once', async () => {
    const file = await store(server.url, { name: 'twice', content: 'x' });
    const remove = () => ask(`${server.url}/files/${file.file_id}`, { method: 'DELETE' });
    const statuses = (await Promise.all([remove(), remove()])).map(({ status }) => status);
    expect(new Set(statuses)).toEqual(new Set([204, 404]));
  });

  it('cannot be one with a malformed id', async () => {
    const answer = await ask(`${server.url}/files/nonsense`, { method: 'DELETE' });
    expect([answer.status, answer.json<Problem>().code]).toEqual([400, 'invalid_file_id']);
  });
});

it('keeps all that was acknowledged through a crash', async () => {
  const before = await listAll('limit=1000');
  const added = await store(server.url, { name: '📦📦📦', content: 'written just before the crash' });
  await server.restart('SIGKILL');
  const after = await listAll('limit=1000');
  expect(after.map((file) => file.file_id)).toEqual([...before, added].map((file) => file.file_id));
  const read = await ask(`${server.url}/read/${added.file_id}`);
  expect(read.body.toString()).toBe('written just before the crash');
});
