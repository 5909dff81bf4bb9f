// `holdfast put|get|ls|stat|rm` as a person runs them: a process of its own against a real server.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, readdir, readFile, stat, symlink, writeFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { StoredFile } from '#libs/client';
import type { FileId } from '#libs/kernel';
import { described, FILE_ID, oddServer, serves } from '../client/odd-server.js';
import { store } from '../server/file-client.js';
import { startServer, useServer } from '../server/harness.js';
import { ask, sha256, testBytes } from '../server/http-client.js';
import { filesBelow } from '../server/installation.js';
import { flipChunkByte } from './flipped-chunk.js';
import { makeCaller } from './transfers.js';
import type { Caller } from './transfers.js';

const CONTENT = testBytes(500_000, 7);
const KEY = 'a-key-of-some-length';

const PROGRAM = resolve(import.meta.dirname, '../../dist/apps/cli/src/main.js');

/** Without replicas: an answer says what these have by then, and would not be the same twice. */
const server = useServer({ REPLICAS: '' });

interface PutAnswer {
  readonly files: readonly (StoredFile & { path: string })[];
  readonly skipped: readonly { item: string; reason: string }[];
  readonly failed: readonly { item: string; code: string }[];
}

const download = async (file_id: string) => (await ask(`${server.url}/download/${file_id}`)).body;

describe('put', () => {
  it('stores a file under its own name, and says which it is', async () => {
    const caller = await makeCaller(server);
    await caller.write('sub/photo.jpg', CONTENT);
    const { code, stdout, stderr } = await caller.run('put', 'sub/photo.jpg');
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    const [id, name] = stdout.trim().split('  ');
    expect(name).toBe('photo.jpg');
    expect((await download(id!)).equals(CONTENT)).toBe(true);
  });

  it('stores a directory, several files at a time, by their paths', async () => {
    const caller = await makeCaller(server);
    const names = Array.from({ length: 9 }, (_, index) => `dir/${index % 3}/file ${index}`);
    for (const [index, name] of names.entries()) await caller.write(name, testBytes(index * 9000, index));
    const { code, json } = await caller.run('put', 'dir', '--parallel', '3', '--json');
    const { files, skipped, failed } = json<PutAnswer>();
    expect([code, skipped, failed]).toEqual([0, [], []]);
    expect(files.map(({ file_name }) => file_name).toSorted()).toEqual(names.toSorted());
    for (const { file_name, path, sha256: stored } of files) {
      expect([path, stored]).toEqual([file_name, sha256(await readFile(caller.path(file_name)))]);
    }
  });

  it('ends with 4 where it passed something over, and says why: a link, a file that it cannot open', async () => {
    const caller = await makeCaller(server);
    await caller.write('partly/a', 'x');
    await symlink('/etc/passwd', caller.path('partly/link'));
    // A name of bytes that are no UTF-8.
    await writeFile(Buffer.concat([Buffer.from(caller.path('partly/odd-')), Buffer.from([0xff])]), 'x');
    const { code, json, stderr } = await caller.run('put', 'partly/', '--json');
    const { files, skipped, failed } = json<PutAnswer>();
    expect([code, files.map(({ file_name }) => file_name), failed]).toEqual([4, ['partly/a'], []]);
    expect(skipped).toEqual([
      { item: 'partly/link', reason: expect.stringContaining('not a plain file') as unknown },
      { item: 'partly/odd-\ufffd', reason: expect.stringContaining('not UTF-8') as unknown },
    ]);
    expect(stderr).toContain('partly/odd-\ufffd: skipped, because it is gone, or its name is not UTF-8');
  });

  it('stores stdin under the name it is given', async () => {
    const child = spawn(
      process.execPath,
      [PROGRAM, 'put', '-', '--name', 'from stdin', '--type', 'text/plain', '--json'],
      {
        env: { PATH: process.env['PATH'], HOLDFAST_URL: server.url },
        stdio: ['pipe', 'pipe', 'inherit'],
      },
    );
    let stdout = '';
    child.stdout.on('data', (text: Buffer) => (stdout += text.toString()));
    child.stdin.end(CONTENT);
    const [code] = (await once(child, 'close')) as [number];
    expect(code).toBe(0);
    const [file] = (JSON.parse(stdout) as PutAnswer).files;
    expect(file).toMatchObject({ file_name: 'from stdin', content_type: 'text/plain', sha256: sha256(CONTENT) });
  });

  it('goes on behind a file that the server refuses, and names it', async () => {
    const caller = await makeCaller(server);
    await caller.write('many/a', 'small');
    await caller.write('many/big', testBytes(1_100_000));
    await caller.write('many/z', 'small');
    const { code, json, stderr } = await caller.run('put', 'many', '--parallel', '1', '--json');
    expect(code).toBe(1);
    expect(json<PutAnswer>().files.map(({ file_name }) => file_name)).toEqual(['many/a', 'many/z']);
    expect(json<PutAnswer>().failed).toMatchObject([{ item: 'many/big', code: 'file_too_large' }]);
    expect(stderr).toMatch(/^holdfast: many\/big: .*\n$/);
  });

  it.each([
    [['put']],
    [['put', '-']],
    [['put', 'nowhere']],
    [['put', 'f', 'f', '--name', 'x']],
    [['put', 'f', '--parallel', '0']],
    [['put', 'f', '--url', 'localhost:8080']],
    [['get', 'x', '-o', '-', '--json']],
    [['ls', '--colour']],
    [['nonsense']],
  ])('a wrong call ends with 2: %j', async (words) => {
    const caller = await makeCaller(server);
    await caller.write('f', 'x');
    const { code, stderr } = await caller.run(...words);
    expect(code, stderr).toBe(2);
    expect(stderr).not.toBe('');
  });
});

describe('get', () => {
  it.each(['id', 'name'] as const)('fetches a file by its %s to where the caller is', async (word) => {
    const caller = await makeCaller(server);
    const name = `fetched by ${word}`;
    const { file_id } = await store(server.url, { name, content: CONTENT });
    const { code, stdout, stderr } = await caller.run('get', word === 'id' ? file_id.toUpperCase() : name);
    expect({ code, stdout, stderr }).toEqual({ code: 0, stdout: `${caller.path(name)}\n`, stderr: '' });
    expect((await readFile(caller.path(name))).equals(CONTENT)).toBe(true);
    expect(await filesBelow(caller.outside)).toEqual([`here/${name}`]);
  });

  it('takes no path from a name', async () => {
    const caller = await makeCaller(server);
    const { file_id } = await store(server.url, { name: '../../../escaped', content: 'x' });
    expect((await caller.run('get', file_id)).code).toBe(0);
    expect(await filesBelow(caller.outside)).toEqual(['here/escaped']);
  });

  it.each([
    ['the beginning', CONTENT.subarray(0, 123_457)],
    ['all of it', CONTENT],
    ['a beginning with a flipped bit', Buffer.concat([Buffer.from([CONTENT[0]! ^ 1]), CONTENT.subarray(1, 99_999)])],
    ['other bytes of its length', testBytes(CONTENT.length, 99)],
    ['more than all of it', Buffer.concat([CONTENT, CONTENT])],
    ['nothing', Buffer.alloc(0)],
  ])('goes on with a part that has %s', async (_what, part) => {
    const caller = await makeCaller(server);
    const { file_id } = await store(server.url, { name: 'parted', content: CONTENT });
    await caller.write('out.part', part);
    const { code } = await caller.run('get', file_id, '-o', 'out');
    expect(code).toBe(0);
    expect((await readFile(caller.path('out'))).equals(CONTENT)).toBe(true);
    expect(await filesBelow(caller.directory)).toEqual(['out']);
  });

  it('asks only for what a part does not have', async () => {
    const { url, requests } = await oddServer([
      (request, response) => {
        if (request.url!.startsWith('/download/')) return serves(CONTENT)(request, response);
        response.end(JSON.stringify(described(CONTENT)));
      },
    ]);
    const caller = await makeCaller({ url });
    await caller.write('f.part', CONTENT.subarray(0, 123_457));
    expect((await caller.run('get', FILE_ID)).code).toBe(0);
    expect(requests.map(({ headers }) => headers.range)).toEqual([undefined, 'bytes=123457-']);
  });

  it('ends with 4 on bytes that are not the file, and leaves nothing of them', async () => {
    const { url } = await oddServer([
      (request, response) => {
        if (!request.url!.startsWith('/download/')) return void response.end(JSON.stringify(described(CONTENT)));
        const lie = testBytes(CONTENT.length, 99);
        response.writeHead(200, { etag: `"${sha256(CONTENT)}"`, 'content-length': lie.length }).end(lie);
      },
    ]);
    const caller = await makeCaller({ url });
    const { code, json } = await caller.run('get', FILE_ID, '--json');
    expect([code, json()]).toMatchObject([4, { error: { code: 'digest_mismatch', file_id: FILE_ID } }]);
    expect(await filesBelow(caller.directory)).toEqual([]);
  });

  it('puts a file into a directory, or on stdout', async () => {
    const caller = await makeCaller(server);
    const { file_id } = await store(server.url, { name: 'a/b/c.txt', content: 'hello' });
    await mkdir(caller.path('dir'));
    expect((await caller.run('get', file_id, '-o', 'dir', '--json')).json()).toMatchObject({
      path: caller.path('dir/c.txt'),
      file_id,
    });
    expect(await caller.run('get', file_id, '-o', '-')).toMatchObject({ code: 0, stdout: 'hello' });
  });

  it('replaces no other file unasked, and is done where the file is there already', async () => {
    const caller = await makeCaller(server);
    const { file_id } = await store(server.url, { name: 'taken', content: 'hello' });
    await caller.write('taken', 'mine');
    const refused = await caller.run('get', file_id);
    expect([refused.code, await readFile(caller.path('taken'), 'utf8')]).toEqual([1, 'mine']);
    expect(refused.stderr).toContain('--force');
    expect((await caller.run('get', file_id, '--force')).code).toBe(0);
    expect(await readFile(caller.path('taken'), 'utf8')).toBe('hello');
    expect((await caller.run('get', file_id)).code).toBe(0);
  });

  it('says which files have a name that is not clear', async () => {
    const caller = await makeCaller(server);
    const first = await store(server.url, { name: 'twice', content: '1' });
    const second = await store(server.url, { name: 'twice', content: '2' });
    const { code, stderr } = await caller.run('get', 'twice');
    expect(code).toBe(2);
    for (const { file_id } of [first, second]) expect(stderr).toContain(file_id);
  });

  it('ends with 4 on stored bytes that are damaged, and leaves nothing under the name', async () => {
    const damaged = await startServer({ REPLICAS: '' });
    const caller = await makeCaller(damaged);
    const { file_id } = await store(damaged.url, { name: 'rotten', content: CONTENT });
    await flipChunkByte(damaged.installation.primary);
    const { code, json } = await caller.run('get', file_id, '--json');
    expect([code, json()]).toMatchObject([4, { error: { code: 'chunk_corrupt' } }]);
    expect(await filesBelow(caller.directory)).not.toContain('rotten');
  });
});

describe('ls, stat and rm', () => {
  it('show files, and delete them', async () => {
    const caller = await makeCaller(server);
    const one = await store(server.url, { name: 'shown/1', content: 'one' });
    const two = await store(server.url, { name: 'shown/2', content: 'two' });
    const short = await caller.run('ls', '--prefix', 'shown/');
    expect(short.stdout).toBe(`${one.file_id}  shown/1\n${two.file_id}  shown/2\n`);
    expect((await caller.run('ls', '--prefix', 'shown/', '--long')).stdout).toContain(one.sha256);
    const listed = await caller.run('ls', '--prefix', 'shown/', '--json');
    expect(listed.json<PutAnswer>().files).toEqual([one, two]);

    expect((await caller.run('stat', 'shown/1')).stdout).toContain(one.sha256);
    expect((await caller.run('stat', one.file_id, 'shown/2', '--json')).json<PutAnswer>().files).toEqual([one, two]);

    const half = await caller.run('rm', 'shown/1', 'shown/3');
    expect(half.code).toBe(1);
    expect((await caller.run('ls', '--prefix', 'shown/')).stdout).toBe(short.stdout);
    expect(await caller.run('rm', 'shown/1', two.file_id)).toMatchObject({ code: 0, stdout: short.stdout });
    expect(await caller.run('ls', '--prefix', 'shown/')).toMatchObject({ code: 0, stdout: '' });
    expect((await caller.run('rm', one.file_id)).code).toBe(1);
  });
});

describe('a server that does not answer', () => {
  it.each([['put', 'f'], ['get', 'x'], ['ls'], ['stat', 'x'], ['rm', 'x']])(
    '%s ends with 3 and one line that helps',
    async (...words) => {
      const caller = await makeCaller({ url: 'http://127.0.0.1:1' });
      await caller.write('f', 'x');
      const { code, stdout, stderr } = await caller.run(...words);
      expect({ code, stdout }).toEqual({ code: 3, stdout: '' });
      expect(stderr).toMatch(/^holdfast: http:\/\/127\.0\.0\.1:1 cannot be reached.*npm start.*HOLDFAST_URL.*\n$/);
      const json = (await caller.run(...words, '--json')).json();
      expect(json).toMatchObject({ error: { code: 'unreachable' } });
    },
  );
});

it('the key comes from the environment, and is shown nowhere', async () => {
  const closed = await startServer({ API_KEY: `me:${KEY}` });
  const without = await makeCaller(closed);
  const refused = await without.run('ls');
  expect(refused.code).toBe(2);
  expect(refused.stderr).toContain('HOLDFAST_API_KEY');
  const caller = await makeCaller(closed, { HOLDFAST_API_KEY: KEY });
  await caller.write('f', 'x');
  const outcomes = [await caller.run('put', 'f'), await caller.run('ls'), await caller.run('get', 'nothing')];
  expect(outcomes.map(({ code }) => code)).toEqual([0, 0, 1]);
  expect(JSON.stringify(outcomes)).not.toContain(KEY);
});

/** Waits for a part of `f`, or of another file, to have so many bytes. */
async function partOf(caller: Caller, bytes: number, name = 'f'): Promise<void> {
  const sizes = async () => {
    const parts = (await readdir(caller.directory)).filter((each) => each.startsWith(`${name}.part`));
    return Promise.all(parts.map(async (part) => (await stat(caller.path(part)).catch(() => undefined))?.size));
  };
  while (!(await sizes()).includes(bytes)) await new Promise((wake) => setTimeout(wake, 5));
}

describe('two downloads to one path', () => {
  const OTHER_ID = FILE_ID.replace(/f$/, 'e');
  const OTHER = testBytes(CONTENT.length, 8);

  it('at once leave the whole of one file there, and no part', async () => {
    const wait = Promise.withResolvers<void>();
    const { url } = await oddServer([
      async (request, response) => {
        const isOther = request.url!.includes(OTHER_ID);
        const content = isOther ? OTHER : CONTENT;
        if (!request.url!.startsWith('/download/')) {
          return void response.end(JSON.stringify(described(content, isOther ? { file_id: OTHER_ID as FileId } : {})));
        }
        if (isOther) return serves(content)(request, response);
        // Stops in the middle until the other one is done.
        response.writeHead(200, { etag: `"${sha256(content)}"`, 'content-length': content.length });
        response.write(content.subarray(0, 200_000));
        await wait.promise;
        response.end(content.subarray(200_000));
      },
    ]);
    const caller = await makeCaller({ url });
    const { outcome } = caller.start('get', FILE_ID, '-o', 'out');
    await partOf(caller, 200_000, 'out');
    expect((await caller.run('get', OTHER_ID, '-o', 'out')).code).toBe(0);
    expect((await readFile(caller.path('out'))).equals(OTHER)).toBe(true);
    wait.resolve();
    expect((await outcome).code).toBe(0);
    expect((await readFile(caller.path('out'))).equals(CONTENT)).toBe(true);
    expect(await filesBelow(caller.directory)).toEqual(['out']);
  });

  it('one behind another that was killed goes on with what that one left', async () => {
    const { url, requests } = await oddServer([
      (request, response) => {
        if (!request.url!.startsWith('/download/')) return void response.end(JSON.stringify(described(CONTENT)));
        if (request.headers.range !== undefined) return serves(CONTENT)(request, response);
        response.writeHead(200, { etag: `"${sha256(CONTENT)}"`, 'content-length': CONTENT.length });
        response.write(CONTENT.subarray(0, 200_000));
      },
    ]);
    const caller = await makeCaller({ url });
    const { child, outcome } = caller.start('get', FILE_ID);
    await partOf(caller, 200_000);
    child.kill('SIGKILL');
    await outcome;
    expect((await caller.run('get', FILE_ID)).code).toBe(0);
    expect(requests.at(-1)!.headers.range).toBe('bytes=200000-');
    expect((await readFile(caller.path('f'))).equals(CONTENT)).toBe(true);
    expect(await filesBelow(caller.directory)).toEqual(['f']);
  });
});

describe('Ctrl-C', () => {
  it('ends a download with 130, no file under its name, and a part that the next run goes on with', async () => {
    const { url, requests } = await oddServer([
      (request, response) => {
        if (!request.url!.startsWith('/download/')) return void response.end(JSON.stringify(described(CONTENT)));
        if (request.headers.range !== undefined) return serves(CONTENT)(request, response);
        // The first time it stops in the middle, and waits.
        response.writeHead(200, { etag: `"${sha256(CONTENT)}"`, 'content-length': CONTENT.length });
        response.write(CONTENT.subarray(0, 200_000));
      },
    ]);
    const caller = await makeCaller({ url });
    const { child, outcome } = caller.start('get', FILE_ID);
    await partOf(caller, 200_000);
    child.kill('SIGINT');
    const { code, stdout, stderr } = await outcome;
    expect({ code, stdout, stderr }).toEqual({ code: 130, stdout: '', stderr: 'holdfast: interrupted\n' });
    expect(await filesBelow(caller.directory)).toEqual(['f.part']);
    expect((await caller.run('get', FILE_ID)).code).toBe(0);
    expect((await readFile(caller.path('f'))).equals(CONTENT)).toBe(true);
    expect(requests.at(-1)!.headers.range).toBe('bytes=200000-');
  });

  it('ends an upload with 130, and nothing of it is stored', async () => {
    const child = spawn(process.execPath, [PROGRAM, 'put', '-', '--name', 'interrupted'], {
      env: { PATH: process.env['PATH'], HOLDFAST_URL: server.url },
      stdio: ['pipe', 'pipe', 'pipe'],
    });
    child.stdin.on('error', () => undefined);
    // More than a pipe holds: when it is taken, the upload has begun.
    await new Promise((taken) => child.stdin.write(CONTENT, taken));
    child.kill('SIGINT');
    const [code] = (await once(child, 'close')) as [number];
    expect(code).toBe(130);
    const caller = await makeCaller(server);
    expect((await caller.run('ls', '--prefix', 'interrupted')).stdout).toBe('');
  });
});
