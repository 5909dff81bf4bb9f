import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
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
