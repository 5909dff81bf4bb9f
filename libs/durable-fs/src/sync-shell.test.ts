import { chmodSync, existsSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { FileSystemSync } from './file-system-sync.js';
import { SyncShells } from './sync-shell.js';

const REAL_PATH = process.env['PATH'];

let directory: string;
let shells: SyncShells;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'holdfast-sync-'));
  shells = new SyncShells();
});
afterEach(() => {
  shells.end();
  process.env['PATH'] = REAL_PATH;
  rmSync(directory, { recursive: true });
});

/** Shells that are started from now on find this program, and the real ones behind it. `$path` is what is to be synced. */
function standIn(script: string): void {
  const program = join(directory, 'sync');
  writeFileSync(program, `#!/bin/sh\npath=$(readlink "$3")\n${script}\n`);
  chmodSync(program, 0o755);
  process.env['PATH'] = `${directory}:${REAL_PATH}`;
}

function made(name: string): string {
  const path = join(directory, name);
  writeFileSync(path, '');
  return path;
}

describe('a sync of a whole file system', () => {
  it.each(['plain', 'with  spaces ', 'with "quotes" and $(false)', 'with a back\\slash', '-f'])(
    'is asked for by a path %j, again and again',
    async (name) => {
      const path = made(name);
      for (let count = 0; count < 3; count += 1) expect(await shells.sync(path)).toBe('synced');
      rmSync(path);
      expect(await shells.sync(path)).toBe('unopened');
      made(name);
      expect(await shells.sync(path)).toBe('synced');
    },
  );

  it('that fails says so, and the next one is its own', async () => {
    standIn('[ -e "$path.works" ]');
    const path = made('file');
    expect(await shells.sync(path)).toBe('failed');
    made('file.works');
    expect(await shells.sync(path)).toBe('synced');
  });

  // Whoever takes a replica away must not end the checkpoints of the primary beside it.
  it('of a directory that goes when it has begun is one of the file system all the same', async () => {
    standIn('rm "$path"; exec /usr/bin/env PATH="${PATH#*:}" sync "$@"');
    expect(await shells.sync(made('file'))).toBe('synced');
  });

  it('without such a program is not possible', async () => {
    process.env['PATH'] = directory;
    expect(await shells.sync(directory)).toBe('no_program');
  });

  it('that hangs keeps no other one waiting', async () => {
    standIn('[ "$path" != "${path%hung}" ] && while [ ! -e "$path.goes-on" ]; do sleep 0.01; done; exit 0');
    let isOver = false;
    const hung = shells.sync(made('hung')).then(() => (isOver = true));
    expect(await shells.sync(directory)).toBe('synced');
    expect(await shells.sync(directory)).toBe('synced');
    expect(isOver).toBe(false);
    made('hung.goes-on');
    await hung;
  });

  it('whose shell is killed has failed, because nobody knows; the next one has a shell of its own', async () => {
    standIn('[ -e "$path.once" ] && exit 0; touch "$path.once"; kill -KILL $PPID');
    const path = made('file');
    expect(await shells.sync(path)).toBe('failed');
    expect(existsSync(`${path}.once`)).toBe(true);
    expect(await shells.sync(path)).toBe('synced');
  });
});

describe('a sync of a whole file system, shared', () => {
  it('is that of the shells', async () => {
    const sync = new FileSystemSync();
    const order = { path: made('file'), device: statSync(directory).dev };
    await sync.run(order);
    rmSync(order.path);
    await expect(sync.run(order)).rejects.toMatchObject({ code: 'ENOENT', syscall: 'syncfs', path: order.path });
    sync.end();
  });

  it('of a path with a line break, which would be two, is refused', async () => {
    const sync = new FileSystemSync();
    const order = { path: `${directory}\n/`, device: statSync(directory).dev };
    await expect(sync.run(order)).rejects.toMatchObject({ code: 'ENOSYS' });
  });
});
