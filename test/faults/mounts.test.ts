import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { eventually } from './clients.js';
import { Ext4Disk } from './ext4-disk.js';
import { Mounts } from './mounts.js';
import { reasonToSkip, whySkipped } from './privileges.js';

const MODULE = resolve(import.meta.dirname, 'mounts.ts');

const loopDevicesOf = (imagePath: string): string =>
  execFileSync('losetup', ['--associated', imagePath], { encoding: 'utf8' }).trim();

async function assertNothingLeft(imagePath: string, pid: number): Promise<void> {
  await eventually(async () => {
    const left = loopDevicesOf(imagePath);
    return left === '' ? true : left;
  });
  await eventually(async () => ((await readdir('/proc')).includes(String(pid)) ? `process ${pid} lives` : true));
}

const reason = reasonToSkip(['mkfs.ext4', 'losetup']);

describe.skipIf(reason !== undefined)(`mounts for a test${whySkipped(reason)}`, () => {
  it('are seen by nobody else, and gone with their loop device when the test is done', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'holdfast-mounts-'));
    onTestFinished(() => rm(directory, { recursive: true }));
    const place = join(directory, 'place');
    const mounts = await Mounts.create();
    await using disk = await Ext4Disk.create(mounts, place, { sizeMib: 8 });
    const { pid } = mounts;
    expect(await readdir(mounts.seen(place))).toEqual(['lost+found']);
    expect(await readdir(place)).toEqual([]);
    expect(loopDevicesOf(disk.imagePath)).not.toBe('');
    await mounts[Symbol.asyncDispose]();
    await assertNothingLeft(disk.imagePath, pid);
  });

  it('are gone when the process that made them is killed, and so is what it started there', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'holdfast-mounts-'));
    onTestFinished(() => rm(directory, { recursive: true }));
    const program = `
      const { spawn } = await import('node:child_process');
      const { open } = await import('node:fs/promises');
      const { Mounts } = await import(${JSON.stringify(MODULE)});
      const mounts = await Mounts.create();
      const image = await open('${directory}/disk.img', 'w');
      await image.truncate(8 * 2 ** 20);
      await mounts.run('mkfs.ext4', '-q', '${directory}/disk.img');
      await mounts.image('${directory}/disk.img', '${directory}/place');
      const [program, ...rest] = [...mounts.launcher, 'sleep', '600'];
      const started = spawn(program, rest, { cwd: '/', stdio: 'ignore' });
      console.log(started.pid);
    `;
    const flags = ['--experimental-strip-types', '--no-warnings', '--input-type=module', '--eval', program];
    const child = spawn(process.execPath, flags, { stdio: ['ignore', 'pipe', 'inherit'] });
    const [output] = (await once(child.stdout, 'data')) as [Buffer];
    expect(loopDevicesOf(join(directory, 'disk.img'))).not.toBe('');
    child.kill('SIGKILL');
    await once(child, 'close');
    await assertNothingLeft(join(directory, 'disk.img'), Number(output.toString()));
  });
});
