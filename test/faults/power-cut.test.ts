/**
 * Rounds of concurrent uploads and deletes on an ext4 file system, each ended by a cut of its power at a random moment (now
 * and then during the recovery from the last one), a kill of the server, a mount as after a boot, a restart, and a look at
 * every promise. `FAULT_ROUNDS` says how many.
 */
import { randomInt } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { loadUntilDeath } from '../crash/load.js';
import { ClientModel } from '../crash/model.js';
import { brokenPromises, filesToCheck } from '../crash/promises.js';
import type { Environment } from '../server/installation.js';
import { Ext4Disk } from './ext4-disk.js';
import { FaultyInstallation } from './faulty-installation.js';
import { reasonToSkip, whySkipped } from './privileges.js';

const ROUNDS = Number(process.env['FAULT_ROUNDS']);
const DISK_MIB = 1024;
const MAX_LIFE_MS = 1_500;
/** One round in so many loses its power again while it recovers. */
const CUT_RECOVERY_ONE_IN = 4;
const MAX_RECOVERY_MS = 800;
/** Older files looked at again after each cut; after the last one all of them are. */
const OLDER_CHECKED = 100;

interface Kind {
  readonly settings: Environment;
  readonly largeOneIn: number;
  readonly deleteOneIn: number;
}

/** In turn. The first rotates and checkpoints several times a second, the second only at the end of its recovery. */
const KINDS: readonly Kind[] = [
  { settings: { WAL_SEGMENT_SIZE: '64KiB' }, largeOneIn: 50, deleteOneIn: 10 },
  { settings: { WAL_SEGMENT_SIZE: '16MiB', WAL_MAX_SIZE: '64MiB' }, largeOneIn: 2, deleteOneIn: 3 },
];

const reason = reasonToSkip(['xfs_io', 'mkfs.ext4']);

describe.skipIf(reason !== undefined)(`a machine that loses its power under load${whySkipped(reason)}`, () => {
  it(`keeps every promise through ${ROUNDS} cuts`, async () => {
    await using installation = await FaultyInstallation.create();
    const place = installation.path('all');
    await using disk = await Ext4Disk.create(installation.mounts, place, { sizeMib: DISK_MIB });
    const model = new ClientModel();
    let answered = 0;
    let url = await installation.start(KINDS[0]!.settings);
    for (let round = 1; round <= ROUNDS; round += 1) {
      const kind = KINDS[round % KINDS.length]!;
      let cut = false;
      const load = loadUntilDeath(url, model, { round, ...kind, diskIsGone: () => cut });
      await sleep(randomInt(MAX_LIFE_MS));
      cut = true;
      await disk.cutPower(round % 3 === 0 ? 'journal' : 'nothing');
      await bootAgain(installation, disk);
      answered += (await load).answered;
      if (randomInt(CUT_RECOVERY_ONE_IN) === 0) await cutDuringRecovery(installation, disk);

      url = await installation.start(KINDS[(round + 1) % KINDS.length]!.settings);
      const checked = filesToCheck(model, round === ROUNDS ? Infinity : OLDER_CHECKED);
      const staging = installation.seen('primary', 'staging');
      expect(await brokenPromises({ url, staging }, model, checked), `round ${round}`).toEqual([]);
    }
    // A round in which nothing was answered would prove nothing.
    expect(answered).toBeGreaterThan(ROUNDS);
  });
});

/** What the death of a machine does to the server, and its boot to the disk. */
async function bootAgain(installation: FaultyInstallation, disk: Ext4Disk): Promise<void> {
  await installation.server.stop('SIGKILL');
  await disk.unmount();
  await disk.mount();
}

async function cutDuringRecovery(installation: FaultyInstallation, disk: Ext4Disk): Promise<void> {
  await installation.launch();
  await sleep(randomInt(MAX_RECOVERY_MS));
  await disk.cutPower('nothing');
  await bootAgain(installation, disk);
}
