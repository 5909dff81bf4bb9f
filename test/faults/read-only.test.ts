/** A disk that can only be read any more, under a server that writes to it. */
import { describe, expect, it } from 'vitest';
import { ask, testBytes } from '../server/http-client.js';
import { Clients, reasonsNotReady, unreadable } from './clients.js';
import { Ext4Disk } from './ext4-disk.js';
import { FaultyInstallation } from './faulty-installation.js';
import type { Place } from './faulty-installation.js';
import { reasonToSkip, whySkipped } from './privileges.js';

const DISK_MIB = 64;

const mixed = (serial: number): Buffer => testBytes(serial % 2 === 0 ? 40_000 : 2_000, serial);

const reason = reasonToSkip(['mkfs.ext4', 'findmnt']);

describe.skipIf(reason !== undefined)(`a file system that goes read-only after an error${whySkipped(reason)}`, () => {
  const PLACES: readonly [place: Place, why: string, setting: string][] = [
    ['wal', 'log_poisoned', 'WAL_PATH'],
    ['primary', 'apply_halted', 'STORAGE_PATH'],
    ['catalog', 'apply_halted', 'DATABASE_URL'],
  ];

  it.each(PLACES)(
    'of %s: writes answer 503, reads go on, a start names it, and a new mount has everything',
    async (place, why, setting) => {
      await using installation = await FaultyInstallation.create();
      const { mounts } = installation;
      await using disk = await Ext4Disk.create(mounts, installation.path(place), { sizeMib: DISK_MIB });
      const clients = new Clients(mixed);
      const url = await installation.start();
      await clients.uploads(url, 10);

      await disk.breakReadOnly();
      await clients.uploadUntilRefused(url);
      // What is refused before the log knows of it is said to be the store's, or the log's, own failure.
      const documented = ['503 outcome_unknown', `503 ${why}`, '503 store_write_failed', '503 log_write_failed'];
      expect(documented).toEqual(expect.arrayContaining([...clients.refusals]));
      expect(await reasonsNotReady(url)).toEqual([why]);
      expect(await unreadable(url, clients.kept)).toEqual([]);
      const deleted = await ask(`${url}/files/${[...clients.kept.keys()][0]}`, { method: 'DELETE' });
      expect(deleted.json()).toMatchObject({ status: 503, code: why });

      // It has to be mounted anew, and a start before that says so.
      await expect(mounts.run('mount', '-o', 'remount,rw', installation.path(place))).rejects.toThrow('mount');
      await installation.server.stop('SIGKILL');
      const refused = await installation.launch();
      expect(await refused.exited).toEqual({ code: 2, signal: null });
      expect(refused.stderr).toMatch(new RegExp(`^holdfast: ${setting}.*(EROFS|SQLITE_READONLY).*\n$`));
      await disk.unmount();
      await disk.mount();
      expect(await clients.brokenPromises(await installation.start())).toEqual([]);
    },
  );
});

describe.skipIf(reason !== undefined)(`a remount to read-only under a server${whySkipped(reason)}`, () => {
  it('is refused by the kernel for each of its disks, and harms nothing', async () => {
    await using installation = await FaultyInstallation.create();
    const disks = (['wal', 'primary', 'catalog'] as const).map((place) => installation.path(place));
    for (const path of disks) await installation.mounts.tmpfs(path, { sizeMib: DISK_MIB });
    const clients = new Clients(mixed);
    const url = await installation.start();
    for (const path of disks) {
      await expect(installation.mounts.run('mount', '-o', 'remount,ro', path)).rejects.toThrow('busy');
    }
    await clients.uploads(url, 10);
    expect([...clients.refusals]).toEqual([]);
    expect(await clients.brokenPromises(url)).toEqual([]);
  });
});
