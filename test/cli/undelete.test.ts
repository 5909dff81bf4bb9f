// `holdfast undelete` and the route behind it, on a server with keys for clients and another one for its operator.
import { describe, expect, it } from 'vitest';
import { store } from '../server/file-client.js';
import type { Problem, StoredFile } from '../server/file-client.js';
import { startServer } from '../server/harness.js';
import { ask, testBytes } from '../server/http-client.js';
import { CHUNK_SIZE } from '../server/installation.js';
import { runCommand } from './command.js';
import type { Outcome } from './command.js';

const CLIENT_KEY = 'client-key-0123456789';
const ADMIN_KEY = 'admin-key-0123456789';
const UNKNOWN_FILE = '01932b7e-8a2c-7c3d-9e4f-5a6b7c8d9e0f';

async function lockedServer() {
  const server = await startServer({ API_KEY: CLIENT_KEY, ADMIN_API_KEY: ADMIN_KEY });
  const bearer = (key: string) => ({ authorization: `Bearer ${key}` });
  const holdfast = (key: string, ...words: string[]): Promise<Outcome> =>
    runCommand({ HOLDFAST_URL: server.url, HOLDFAST_API_KEY: key }, ...words);
  const storedAndDeleted = async (content: Buffer): Promise<StoredFile> => {
    const put = { method: 'PUT', headers: bearer(CLIENT_KEY), body: content };
    const file = (await ask(`${server.url}/write?name=wanted.bin`, put)).json<StoredFile>();
    const gone = await ask(`${server.url}/files/${file.file_id}`, { method: 'DELETE', headers: bearer(CLIENT_KEY) });
    expect(gone.status).toBe(204);
    return file;
  };
  const undelete = (fileId: string) =>
    ask(`${server.url}/admin/files/${fileId}/undelete`, { method: 'POST', headers: bearer(ADMIN_KEY) });
  const bytesOf = async (fileId: string): Promise<Buffer> =>
    (await ask(`${server.url}/download/${fileId}`, { headers: bearer(CLIENT_KEY) })).body;
  return { server, holdfast, storedAndDeleted, undelete, bytesOf };
}

describe('POST /admin/files/{file_id}/undelete', () => {
  it('answers 201 with the new file and its path, once, also after a restart', async () => {
    const { server, storedAndDeleted, undelete, bytesOf } = await lockedServer();
    const content = testBytes(3 * CHUNK_SIZE + 5);
    const old = await storedAndDeleted(content);
    await server.restart();
    const answer = await undelete(old.file_id);
    const file = answer.json<StoredFile>();
    expect([answer.status, answer.headers['location']]).toEqual([201, `/files/${file.file_id}`]);
    const same = ({ file_name, file_size, content_type, sha256, created_at }: StoredFile) => [
      file_name,
      file_size,
      content_type,
      sha256,
      created_at,
    ];
    expect(same(file)).toEqual(same(old));
    expect(file.file_id).not.toBe(old.file_id);
    expect((await bytesOf(file.file_id)).equals(content)).toBe(true);

    const again = await undelete(old.file_id);
    expect([again.status, again.json<Problem>()]).toMatchObject([410, { code: 'undelete_impossible' }]);
  });

  it('is impossible behind GC_GRACE', async () => {
    const server = await startServer({ GC_GRACE: '0s' });
    const file = await store(server.url, { name: 'wanted.bin', content: testBytes(100) });
    await ask(`${server.url}/files/${file.file_id}`, { method: 'DELETE' });
    const path = `${server.url}/admin/files/${file.file_id}/undelete`;
    await expect
      .poll(() => server.process.logLines().map(({ msg }) => msg), { timeout: 30_000 })
      .toContain('deleted files can no longer be brought back');
    expect((await ask(path, { method: 'POST' })).json<Problem>()).toMatchObject({ code: 'undelete_impossible' });
  });
});

describe('holdfast undelete', () => {
  it('brings files back and prints their new ids', async () => {
    const { holdfast, storedAndDeleted, bytesOf } = await lockedServer();
    const contents = [testBytes(100), testBytes(2 * CHUNK_SIZE, 2)];
    const ids: string[] = [];
    for (const content of contents) ids.push((await storedAndDeleted(content)).file_id);
    const { code, json } = await holdfast(ADMIN_KEY, 'undelete', ...ids, '--json');
    expect(code).toBe(0);
    const { files } = json<{ files: (StoredFile & { undeleted: string })[] }>();
    expect(files.map(({ undeleted }) => undeleted)).toEqual(ids);
    for (const [index, file] of files.entries()) {
      expect((await bytesOf(file.file_id)).equals(contents[index]!)).toBe(true);
    }
    const { file_id: third } = await storedAndDeleted(contents[0]!);
    expect((await holdfast(ADMIN_KEY, 'undelete', third)).stdout).toMatch(/^[0-9a-f-]{36} {2}wanted\.bin\n$/);
  });

  it.each([
    ['the key of a client', CLIENT_KEY, 2],
    ['no key', '', 2],
  ])('exits with 2 with %s', async (_, key, expected) => {
    const { holdfast, storedAndDeleted } = await lockedServer();
    const { file_id: fileId } = await storedAndDeleted(testBytes(10));
    expect((await holdfast(key, 'undelete', fileId)).code).toBe(expected);
    expect((await holdfast(ADMIN_KEY, 'undelete', fileId)).code).toBe(0);
  });

  it('names what it could not bring back, and brings back the rest', async () => {
    const { holdfast, storedAndDeleted } = await lockedServer();
    const { file_id: fileId } = await storedAndDeleted(testBytes(10));
    const { code, stdout, stderr } = await holdfast(ADMIN_KEY, 'undelete', UNKNOWN_FILE, fileId);
    expect(code).toBe(1);
    expect(stdout).toContain('wanted.bin');
    expect(stderr).toContain(UNKNOWN_FILE);
  });
});
