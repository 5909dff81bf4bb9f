// The way in and the way out, as processes: they stop anywhere, go on, stay inside their directory, and tell differences.
import { appendFile, mkdir, readFile, rm, symlink, unlink, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { HoldfastClient } from '#libs/client';
import type { StoredFile } from '#libs/client';
import { store } from '../server/file-client.js';
import { startServer } from '../server/harness.js';
import type { TestServer } from '../server/harness.js';
import { ask, sha256, testBytes } from '../server/http-client.js';
import { filesBelow } from '../server/installation.js';
import { makeCaller } from './transfers.js';
import type { Caller } from './transfers.js';

const TREE: Readonly<Record<string, Buffer>> = {
  'a.txt': Buffer.from('hello'),
  'deep/er/ünï 日本 📦.bin': testBytes(200_000, 1),
  'deep/empty': Buffer.alloc(0),
  'deep/same': Buffer.from('hello'),
  '.hidden': testBytes(20_000, 2),
};
const PATHS = Object.keys(TREE).toSorted();

interface ImportAnswer {
  readonly uploaded: number;
  readonly changed: number;
  readonly unchanged: number;
  readonly skipped: readonly { item: string; reason: string }[];
  readonly failed: readonly { item: string; code: string }[];
  readonly journal: string;
}

interface ExportAnswer {
  readonly files: number;
  readonly written: number;
  readonly present: number;
  readonly renamed: number;
  readonly failed: readonly { item: string; code: string }[];
}

async function plant(caller: Caller, directory: string): Promise<void> {
  for (const [path, content] of Object.entries(TREE)) await caller.write(`${directory}/${path}`, content);
}

async function stored({ url }: TestServer): Promise<StoredFile[]> {
  const files: StoredFile[] = [];
  for await (const file of new HoldfastClient({ url }).list()) files.push(file);
  return files;
}

const names = async (server: TestServer) => (await stored(server)).map(({ file_name }) => file_name).toSorted();

async function index(caller: Caller, directory: string) {
  const text = await readFile(caller.path(`${directory}/holdfast-index.jsonl`), 'utf8');
  return text
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as { path: string; name: string; sha256: string; file_id: string });
}

describe('import', () => {
  it('stores a tree by its paths, and export gives it back byte for byte', async () => {
    const server = await startServer();
    const caller = await makeCaller(server);
    await plant(caller, 'in');
    const imported = await caller.run('import', 'in', '--json');
    expect([imported.code, imported.json()]).toMatchObject([0, { files: 5, uploaded: 5, unchanged: 0, failed: [] }]);
    expect(await names(server)).toEqual(PATHS);
    expect((await filesBelow(caller.path('in'))).toSorted()).toEqual(PATHS);

    const exported = await caller.run('export', 'out', '--json');
    expect([exported.code, exported.json()]).toMatchObject([0, { files: 5, written: 5, present: 0, renamed: 0 }]);
    expect((await filesBelow(caller.path('out'))).toSorted()).toEqual([...PATHS, 'holdfast-index.jsonl'].toSorted());
    for (const path of PATHS) expect((await readFile(caller.path(`out/${path}`))).equals(TREE[path]!), path).toBe(true);
    const lines = await index(caller, 'out');
    expect(lines.map(({ path, name, sha256: digest }) => `${path} ${name} ${digest}`).toSorted()).toEqual(
      PATHS.map((path) => `${path} ${path} ${sha256(TREE[path]!)}`).toSorted(),
    );
  });

  it('sends a second time only what has changed, was added, or is not on the server any more', async () => {
    const server = await startServer();
    const caller = await makeCaller(server);
    await plant(caller, 'in');
    const run = async (...options: string[]) =>
      (await caller.run('import', 'in', '--json', ...options)).json<ImportAnswer>();
    await run();
    expect(await run()).toMatchObject({ uploaded: 0, unchanged: 5 });

    await caller.write('in/added', 'new');
    expect(await run()).toMatchObject({ uploaded: 1, changed: 0, unchanged: 5 });

    await caller.write('in/a.txt', 'longer than before');
    expect(await run()).toMatchObject({ uploaded: 1, changed: 1, unchanged: 5 });

    await utimes(caller.path('in/.hidden'), 1, 1);
    expect(await run()).toMatchObject({ uploaded: 0, unchanged: 6 });

    await writeFile(caller.path('in/deep/same'), 'HELLO');
    expect(await run()).toMatchObject({ uploaded: 1, changed: 1, unchanged: 5 });

    await writeFile(caller.path('in/.hidden'), testBytes(20_000, 3));
    await utimes(caller.path('in/.hidden'), 1, 1);
    expect(await run()).toMatchObject({ uploaded: 0, unchanged: 6 });
    expect(await run('--checksum')).toMatchObject({ uploaded: 1, changed: 1, unchanged: 5 });

    const { file_id } = (await stored(server)).find(({ file_name }) => file_name === 'deep/empty')!;
    await ask(`${server.url}/files/${file_id}`, { method: 'DELETE' });
    expect(await run()).toMatchObject({ uploaded: 1, changed: 1, unchanged: 5 });
  });

  it('killed at any moment goes on where it stopped, and stores every file', async () => {
    const server = await startServer();
    const caller = await makeCaller(server);
    const paths = Array.from({ length: 60 }, (_, number) => `${number % 7}/${number}`);
    for (const [seed, path] of paths.entries()) await caller.write(`in/${path}`, testBytes(30_000, seed));
    for (const beyond of [5, 25]) {
      const { child, outcome } = caller.start('import', 'in', '--parallel', '2');
      while ((await stored(server)).length < beyond) await new Promise((wake) => setTimeout(wake, 2));
      child.kill('SIGKILL');
      await outcome;
    }
    await appendFile(caller.path('.in.holdfast-import.jsonl'), '{"path":"torn');
    const before = (await stored(server)).length;
    const { code, json } = await caller.run('import', 'in', '--json');
    expect(code).toBe(0);
    const { uploaded, unchanged } = json<ImportAnswer>();
    expect(uploaded + unchanged).toBe(60);
    // Whatever was under way when it was killed may have been stored and is sent again: two at a time, twice.
    expect(uploaded).toBeLessThanOrEqual(60 - before + 4);
    expect([...new Set(await names(server))]).toEqual(paths.toSorted());
    expect((await caller.run('import', 'in', '--json')).json()).toMatchObject({ uploaded: 0, unchanged: 60 });
  });

  it('ends with 4 where it passed something over, and says what', async () => {
    const server = await startServer();
    const caller = await makeCaller(server);
    await caller.write('in/a', 'x');
    await symlink('/etc/passwd', caller.path('in/link'));
    const { code, json, stderr } = await caller.run('import', 'in', '--json');
    expect([code, json()]).toMatchObject([4, { uploaded: 1, skipped: [{ item: 'link' }] }]);
    expect(stderr).toContain('link');
  });

  it('ends with 1 where a name cannot be one, and stores the others', async () => {
    const server = await startServer();
    const caller = await makeCaller(server);
    await caller.write('in/bad\nname', 'x');
    await caller.write('in/good', 'x');
    const { code, json } = await caller.run('import', 'in', '--json');
    expect([code, json()]).toMatchObject([
      1,
      { uploaded: 1, failed: [{ item: 'bad\nname', code: 'invalid_file_name' }] },
    ]);
  });

  it.each([[['import']], [['import', 'nowhere']], [['import', 'in', '--journal', 'in/journal']]])(
    'a wrong call ends with 2: %j',
    async (words) => {
      const caller = await makeCaller({ url: 'http://127.0.0.1:1' });
      await plant(caller, 'in');
      expect((await caller.run(...words)).code).toBe(2);
    },
  );
});

describe('export', () => {
  it('writes nothing outside its directory, and every file somewhere', async () => {
    const server = await startServer();
    const caller = await makeCaller(server);
    const hostile = [
      '../x',
      '../../x',
      '/etc/x',
      'a',
      'a/b',
      'A',
      'same',
      'same',
      'holdfast-index.jsonl',
      '.holdfast-partial/x',
      'nul',
      '..',
      '/',
      'n'.repeat(1024),
    ];
    for (const [seed, name] of hostile.entries()) await store(server.url, { name, content: testBytes(5000, seed) });
    const { code, json } = await caller.run('export', 'out', '--json');
    expect([code, json()]).toMatchObject([0, { files: hostile.length, written: hostile.length }]);
    const written = await filesBelow(caller.outside);
    expect(written.every((path) => path.startsWith('here/out/'))).toBe(true);
    expect(written).toHaveLength(hostile.length + 1);
    const lines = await index(caller, 'out');
    expect(lines.map(({ name }) => name).toSorted()).toEqual(hostile.toSorted());
    for (const { path, sha256: digest } of lines) {
      expect(sha256(await readFile(caller.path(`out/${path}`))), path).toBe(digest);
    }
    expect((await caller.run('export', 'out', '--json')).json()).toMatchObject({ written: 0, present: hostile.length });
  });

  it('goes on with what is missing, keeps paths, and verifies what is there', async () => {
    const server = await startServer();
    const caller = await makeCaller(server);
    const first = await store(server.url, { name: 'twice', content: 'first' });
    const second = await store(server.url, { name: 'twice', content: 'second' });
    const third = await store(server.url, { name: 'third', content: 'third' });
    const run = () => caller.run('export', 'out', '--json');
    expect((await run()).code).toBe(0);
    const beside = `twice~${second.file_id}`;
    expect(await readFile(caller.path(`out/${beside}`), 'utf8')).toBe('second');

    // The first one goes, and with it the reason why the second has its path; it keeps it.
    await ask(`${server.url}/files/${first.file_id}`, { method: 'DELETE' });
    await unlink(caller.path('out/third'));
    expect((await run()).json()).toMatchObject({ files: 2, written: 1, present: 1 });
    expect((await index(caller, 'out')).map(({ path }) => path).toSorted()).toEqual(['third', beside].toSorted());

    await writeFile(caller.path('out/third'), 'other');
    const different = await run();
    expect([different.code, different.json()]).toMatchObject([
      4,
      { failed: [{ item: 'third', code: 'content_changed', file_id: third.file_id }] },
    ]);
    expect(await readFile(caller.path('out/third'), 'utf8')).toBe('other');
  });

  it('of some files, or with one that failed, leaves the others their paths', async () => {
    const server = await startServer();
    const caller = await makeCaller(server);
    const first = await store(server.url, { name: 'x', content: 'first' });
    const second = await store(server.url, { name: 'x', content: 'second' });
    await store(server.url, { name: 'y', content: 'y' });
    expect((await caller.run('export', 'out')).code).toBe(0);
    const beside = `x~${second.file_id}`;
    await ask(`${server.url}/files/${first.file_id}`, { method: 'DELETE' });

    expect((await caller.run('export', 'out', '--prefix', 'y')).code).toBe(0);
    await writeFile(caller.path(`out/${beside}`), 'other');
    expect((await caller.run('export', 'out')).code).toBe(4);
    await unlink(caller.path(`out/${beside}`));
    const { code, json } = await caller.run('export', 'out', '--json');
    expect([code, json()]).toMatchObject([0, { files: 2, written: 1, present: 1, failed: [] }]);
    expect(await readFile(caller.path(`out/${beside}`), 'utf8')).toBe('second');
    expect((await index(caller, 'out')).map(({ path }) => path).toSorted()).toEqual([beside, 'y']);
  });

  it('interrupted or killed at any moment goes on where it stopped', async () => {
    const server = await startServer();
    const caller = await makeCaller(server);
    for (let number = 0; number < 150; number += 1) {
      await store(server.url, { name: `file ${number}`, content: testBytes(20_000, number) });
    }
    const written = async () => (await filesBelow(caller.path('out'))).filter((path) => path.startsWith('file')).length;
    await mkdir(caller.path('out'));
    for (const [beyond, signal, expected, said] of [
      [3, 'SIGINT', 130, /^150 files: \d+ written/],
      [15, 'SIGKILL', null, /^$/],
    ] as const) {
      const { child, outcome } = caller.start('export', 'out', '--parallel', '2');
      while ((await written()) < beyond) await new Promise((wake) => setTimeout(wake, 1));
      child.kill(signal);
      const { code, stdout } = await outcome;
      expect(code).toBe(expected);
      expect(stdout).toMatch(said);
    }
    const before = await written();
    expect(before).toBeLessThan(150);
    const { code, json } = await caller.run('export', 'out', '--json');
    expect([code, json()]).toMatchObject([0, { files: 150, written: 150 - before, present: before }]);
    expect(await filesBelow(caller.path('out'))).toHaveLength(151);
    expect(await index(caller, 'out')).toHaveLength(150);
  });

  it('goes through no link that stands in the directory', async () => {
    const server = await startServer();
    const caller = await makeCaller(server);
    await store(server.url, { name: 'sub/x', content: 'x' });
    await store(server.url, { name: 'y', content: 'y' });
    const elsewhere = join(caller.outside, 'elsewhere');
    await mkdir(elsewhere);
    await mkdir(caller.path('out'));
    await symlink(elsewhere, caller.path('out/sub'));
    await symlink(join(elsewhere, 'y'), caller.path('out/y'));
    const { code, json } = await caller.run('export', 'out', '--json');
    expect(code).not.toBe(0);
    expect(
      json<ExportAnswer>()
        .failed.map(({ item }) => item)
        .toSorted(),
    ).toEqual(['sub/x', 'y']);
    expect(await filesBelow(elsewhere)).toEqual([]);

    await rm(caller.path('out'), { recursive: true });
    await mkdir(caller.path('out'));
    await symlink(join(elsewhere, 'index'), caller.path('out/holdfast-index.jsonl'));
    expect((await caller.run('export', 'out')).code).toBe(2);
    expect(await filesBelow(elsewhere)).toEqual([]);
  });

  it('takes no path from an index that somebody has changed', async () => {
    const server = await startServer();
    const caller = await makeCaller(server);
    const { file_id } = await store(server.url, { name: 'x', content: 'x' });
    await caller.write(
      'out/holdfast-index.jsonl',
      `${JSON.stringify({ file_id, path: '../../escaped', name: 'x' })}\n`,
    );
    expect((await caller.run('export', 'out')).code).toBe(0);
    expect(await filesBelow(caller.outside)).toEqual(['here/out/holdfast-index.jsonl', 'here/out/x']);
  });

  it('leaves nothing behind where the server cannot be reached', async () => {
    const caller = await makeCaller({ url: 'http://127.0.0.1:1' });
    expect((await caller.run('export', 'out')).code).toBe(3);
    expect(await filesBelow(caller.outside)).toEqual([]);
  });
});
