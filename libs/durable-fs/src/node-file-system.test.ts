import { execFileSync } from 'node:child_process';
import { closeSync, constants, mkdtempSync, openSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { describeFileSystemContract } from '../testing/src/file-system-contract.js';
import { nodeFileSystem } from './node-file-system.js';
import { pooledFileSystem } from './pooled-file-system.js';

const temporaryDirectory = (): string => mkdtempSync(join(tmpdir(), 'holdfast-fs-'));

describe.each([
  ['node', nodeFileSystem],
  ['node, through the thread pool', pooledFileSystem],
])('%s', (name, fs) => {
  describeFileSystemContract(name, () => {
    const directory = temporaryDirectory();
    return { fs, directory, cleanUp: () => rmSync(directory, { recursive: true }) };
  });
});

it('closes a file only behind the calls in flight', async () => {
  const directory = temporaryDirectory();
  try {
    const order: string[] = [];
    const file = await nodeFileSystem.create(join(directory, 'file'));
    const write = file.write(Buffer.alloc(1024 * 1024), 0).then(() => order.push('write'));
    const close = file.close().then(() => order.push('close'));
    await Promise.all([write, close]);
    expect(order).toEqual(['write', 'close']);
  } finally {
    rmSync(directory, { recursive: true });
  }
});

it('creates files while other disks give no answer', async () => {
  const directory = temporaryDirectory();
  const pipes = [1, 2, 3].map((serial) => join(directory, `pipe-${serial}`));
  try {
    execFileSync('mkfifo', pipes);
    // Whoever opens a pipe to write waits for a reader, as for a disk that is gone.
    const files = [1, 2, 3, 4].map((serial) => ({ path: join(directory, `file-${serial}`), bytes: Buffer.from('x') }));
    const hung = pipes.map((pipe) => nodeFileSystem.replaceFiles(files, pipe));
    await sleep(1_500);
    await nodeFileSystem.createFiles(files);
    expect(await nodeFileSystem.sizesOf(files.map(({ path }) => path))).toEqual([1, 1, 1, 1]);

    const readers = pipes.map((pipe) => openSync(pipe, constants.O_RDONLY | constants.O_NONBLOCK));
    await Promise.allSettled(hung);
    for (const reader of readers) closeSync(reader);
  } finally {
    rmSync(directory, { recursive: true });
  }
});
