/** Every `curl` of the README, run as it is written: a newcomer's first commands are not to fail. */
import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { store } from '../server/file-client.js';
import { useServer } from '../server/harness.js';
import { ask } from '../server/http-client.js';
import { isInstalled } from '../server/required-program.js';
const README = resolve(import.meta.dirname, '../../README.md');
const WRITTEN_URL = 'http://127.0.0.1:8080';
/** More than the part that an example asks for. */
const PHOTO_BYTES = 2_483_201;

/** The `sh` blocks in which curl talks to a server that runs already. */
async function curlBlocks(): Promise<string[]> {
  const blocks = [...(await readFile(README, 'utf8')).matchAll(/^```sh\n(.*?)^```$/gms)].map(([, script]) => script!);
  return blocks.filter((script) => script.includes(`${WRITTEN_URL}/`));
}

/** A place with a photo, and a curl that fails where an answer is an error: the real one shows it and exits with 0. */
async function caller(): Promise<{ readonly directory: string } & AsyncDisposable> {
  const directory = await mkdtemp(join(tmpdir(), 'holdfast-readme-'));
  await writeFile(join(directory, 'photo.jpg'), randomBytes(PHOTO_BYTES));
  const { stdout: curl } = await promisify(execFile)('which', ['curl']);
  await writeFile(join(directory, 'curl'), `#!/bin/sh\nexec ${curl.trim()} -sS --fail-with-body "$@"\n`);
  await chmod(join(directory, 'curl'), 0o755);
  return { directory, [Symbol.asyncDispose]: () => rm(directory, { recursive: true }) };
}

const server = useServer({ MAX_FILE_SIZE: '10MiB' });

describe.skipIf(!isInstalled('curl'))('the README', () => {
  it('has only curl calls that succeed as they are written', async () => {
    await using place = await caller();
    const blocks = await curlBlocks();
    expect(blocks.length).toBeGreaterThanOrEqual(3);
    for (const block of blocks) {
      const run = promisify(execFile)('sh', ['-euc', block.replaceAll(WRITTEN_URL, server.url)], {
        cwd: place.directory,
        env: { PATH: `${place.directory}:${process.env['PATH'] ?? ''}`, ...(await namesOfThings()) },
        encoding: 'latin1',
        maxBuffer: 64 * 1024 * 1024,
      });
      await expect(run, block).resolves.toBeDefined();
    }
  });
});

/** What an example names by a variable; a file of its own for each block, because one may delete it. */
async function namesOfThings(): Promise<Record<string, string>> {
  const { file_id: fileId } = await store(server.url, { name: 'photo.jpg', content: randomBytes(PHOTO_BYTES) });
  const { segments } = (await ask(`${server.url}/admin/wal/segments`)).json<{ segments: { segment_id: string }[] }>();
  return { FILE_ID: fileId, SEGMENT_ID: segments[0]!.segment_id };
}
