/** Watches what the operations of the file-system edge ask of the kernel: no test on a disk that works could tell. */
import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { isInstalled } from '../server/required-program.js';
import { parseTrace } from './system-calls.js';
import type { SystemCall } from './system-calls.js';

const ROOT = resolve(import.meta.dirname, '../..');
const PROGRAM = ['--experimental-strip-types', '--conditions=source', '--import', './scripts/resolve-typescript.mjs'];

async function traceOf(): Promise<{ calls: SystemCall[]; directory: string }> {
  const directory = await mkdtemp(join(tmpdir(), 'holdfast-calls-'));
  const output = join(directory, 'trace');
  const watched = ['-f', '-ttt', '-y', '-e', 'trace=pwrite64,fdatasync,fsync,syncfs', '-o', output];
  const program = [...PROGRAM, 'test/durability/file-system-calls.ts', directory];
  try {
    await promisify(execFile)('strace', [...watched, process.execPath, ...program], { cwd: ROOT });
    return { calls: parseTrace(await readFile(output, 'utf8')), directory };
  } finally {
    await rm(directory, { recursive: true });
  }
}

describe.skipIf(!isInstalled('strace'))('the file system of Node.js (needs strace)', () => {
  it('asks the kernel for what it promises, and has its answer', async () => {
    const { calls, directory } = await traceOf();
    const succeeded = calls.filter(({ text, result }) => ['0', '5000'].includes(result) && text.includes(directory));
    expect(succeeded.map(({ name, text }) => [name, /<([^>]*)>/.exec(text)?.[1]])).toEqual([
      ['pwrite64', join(directory, 'file')],
      ['fdatasync', join(directory, 'file')],
      ['pwrite64', join(directory, 'file')],
      ['fsync', directory],
      ['syncfs', join(directory, 'file')],
    ]);
  });
});

it('takes a write that comes up short for none: the disk of Node.js fills up in the middle', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'holdfast-calls-'));
  try {
    // The limit of the size of a file does what a full disk does: a short count first, the error only to the next call.
    const limited = ['-c', 'ulimit -f 8 && exec "$@"', 'sh', process.execPath, ...PROGRAM];
    const program = ['test/durability/large-write.ts', join(directory, 'file')];
    const { stdout } = await promisify(execFile)('sh', [...limited, ...program], { cwd: ROOT });
    expect(stdout.trim()).toBe('EFBIG');
    expect((await stat(join(directory, 'file'))).size).toBeGreaterThan(0);
  } finally {
    await rm(directory, { recursive: true });
  }
});
