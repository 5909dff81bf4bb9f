import { chmodSync, existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { FileSystemSync } from './file-system-sync.js';

const REAL_PATH = process.env['PATH'];

let directory: string;
let sync: FileSystemSync;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'holdfast-sync-'));
  sync = new FileSystemSync();
});
afterEach(() => {
  sync.end();
  process.env['PATH'] = REAL_PATH;
  rmSync(directory, { recursive: true });
});

/** Shells that are started from now on find this program, and the real ones behind it. */
function standIn(script: string): void {
  const program = join(directory, 'sync');
  writeFileSync(program, `#!/bin/sh\n${script}\n`);
  chmodSync(program, 0o755);
  process.env['PATH'] = `${directory}:${REAL_PATH}`;
}

describe('a sync of a whole file system', () => {
  it.each(['plain', 'with  spaces ', 'with "quotes" and $(false)', 'with a back\\slash', '-f'])(
    'is asked for by a path %j, again and again',
    async (name) => {
      const path = join(directory, name);
      writeFileSync(path, '');
      for (let count = 0; count < 3; count += 1) await sync.run(path);
      rmSync(path);
      await expect(sync.run(path)).rejects.toMatchObject({ code: 'EIO', syscall: 'syncfs', path });
      writeFileSync(path, '');
      await sync.run(path);
    },
  );

  it('that fails says so, and the next one is its own', async () => {
    standIn('[ -e "$3.works" ]');
    const path = join(directory, 'file');
    await expect(sync.run(path)).rejects.toMatchObject({ code: 'EIO', syscall: 'syncfs' });
    writeFileSync(`${path}.works`, '');
    await sync.run(path);
  });

  it('without such a program is not possible', async () => {
    process.env['PATH'] = directory;
    await expect(sync.run(directory)).rejects.toMatchObject({ code: 'ENOSYS', syscall: 'syncfs' });
  });

  it('that hangs keeps no other one waiting', async () => {
    standIn('[ "$3" != "${3%hung}" ] && while [ ! -e "$3.goes-on" ]; do sleep 0.01; done; exit 0');
    let isOver = false;
    const hung = sync.run(join(directory, 'hung')).then(() => (isOver = true));
    await sync.run(directory);
    await sync.run(directory);
    expect(isOver).toBe(false);
    writeFileSync(join(directory, 'hung.goes-on'), '');
    await hung;
  });

  it('whose shell is killed has failed, because nobody knows; the next one has a shell of its own', async () => {
    standIn('[ -e "$3.once" ] && exit 0; touch "$3.once"; kill -KILL $PPID');
    const path = join(directory, 'file');
    await expect(sync.run(path)).rejects.toMatchObject({ code: 'EIO', syscall: 'syncfs' });
    expect(existsSync(`${path}.once`)).toBe(true);
    await sync.run(path);
  });

  it('of a path with a line break, which would be two, is refused', async () => {
    await expect(sync.run(`${directory}\n/`)).rejects.toMatchObject({ code: 'ENOSYS' });
  });
});
