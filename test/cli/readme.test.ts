// README's commands for files, run as they are written by a shell, in the directory of somebody who has the files it names.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { store } from '../server/file-client.js';
import { startServer } from '../server/harness.js';
import { ask, testBytes } from '../server/http-client.js';
import { filesBelow } from '../server/installation.js';
import { makeCaller } from './transfers.js';
import type { Caller } from './transfers.js';

const ROOT = resolve(import.meta.dirname, '../..');

const section = async (title: string): Promise<string> => {
  const page = await readFile(resolve(ROOT, 'README.md'), 'utf8');
  return page.split(/^## /m).find((text) => text.startsWith(`${title}\n`)) ?? '';
};

async function commandsOf(title: string): Promise<string[]> {
  const blocks = [...(await section(title)).matchAll(/^```sh\n([^]*?)^```/gm)].map(([, block]) => block!);
  return blocks.flatMap((block) => block.split('\n')).filter((line) => line !== '');
}

/** README's reader stands in the package's directory; here somebody stands elsewhere, and npm is told where the package is. */
async function runAsWritten(line: string, caller: Caller, url: string): Promise<{ code: number; output: string }> {
  const child = spawn('bash', ['-o', 'pipefail', '-c', `npm() { command npm --prefix '${ROOT}' "$@"; }\n${line}`], {
    cwd: caller.directory,
    env: { PATH: process.env['PATH'], HOME: process.env['HOME'], HOLDFAST_URL: url },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (text: Buffer) => (output += text.toString()));
  const [code] = (await once(child, 'close')) as [number];
  return { code, output };
}

describe('README', () => {
  it('its commands for files work as written', async () => {
    const server = await startServer();
    const caller = await makeCaller(server);
    await caller.write('photo.jpg', testBytes(200_000, 1));
    await caller.write('album/a.jpg', testBytes(90_000, 2));
    await caller.write('album/sub/b.jpg', testBytes(90_000, 3));
    const commands = await commandsOf('The same from a command line');
    expect(commands).toHaveLength(9);
    for (const line of commands) {
      const { code, output } = await runAsWritten(line, caller, server.url);
      expect(code, `${line}\n${output}`).toBe(0);
    }
    expect((await readFile(caller.path('copy.jpg'))).equals(testBytes(200_000, 1))).toBe(true);
    expect(await filesBelow(caller.path('backup'))).toEqual([
      'a.jpg',
      'album.tar',
      'album/a.jpg',
      'album/sub/b.jpg',
      'holdfast-index.jsonl',
      'sub/b.jpg',
    ]);
  });

  it('its command that takes back a delete works as written', async () => {
    const server = await startServer();
    const caller = await makeCaller(server);
    const content = testBytes(200_000, 1);
    const { file_id: fileId } = await store(server.url, { name: 'photo.jpg', content });
    await ask(`${server.url}/files/${fileId}`, { method: 'DELETE' });
    const [line, ...others] = (await commandsOf('Store and fetch files')).filter((each) => each.includes('undelete'));
    expect(others).toEqual([]);
    const { code, output } = await runAsWritten(`DELETED_FILE_ID=${fileId}\n${line!}`, caller, server.url);
    expect(code, output).toBe(0);
    const [newId] = output.split('  ');
    expect((await ask(`${server.url}/download/${newId!}`)).body.equals(content)).toBe(true);
  });
});
