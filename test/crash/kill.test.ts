/**
 * Rounds of concurrent uploads and deletes, each ended by `kill -9` at a random moment (now and then during the recovery
 * from the last one), each followed by a restart and a look at every promise. `CRASH_ROUNDS` says how many.
 */
import { randomInt } from 'node:crypto';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { makeInstallation } from '../server/installation.js';
import type { Installation } from '../server/installation.js';
import { ServerProcess } from '../server/server-process.js';
import { loadUntilDeath } from './load.js';
import { ClientModel } from './model.js';
import { brokenPromises, filesToCheck } from './promises.js';

const ROUNDS = Number(process.env['CRASH_ROUNDS']);
const MAX_LIFE_MS = 700;
/** One round in so many is killed again while it recovers. */
const KILL_RECOVERY_ONE_IN = 4;
/** Older files looked at again after each kill; after the last one all of them are. */
const OLDER_CHECKED = 100;

it(`keeps every promise through ${ROUNDS} kills`, async () => {
  const installation = await makeInstallation();
  const staging = join(installation.primary, 'staging');
  const model = new ClientModel();
  let answered = 0;
  let server = new ServerProcess(installation.environment);
  try {
    for (let round = 1; round <= ROUNDS; round += 1) {
      const load = loadUntilDeath(await server.url(), model, { round });
      await sleep(randomInt(MAX_LIFE_MS));
      await server.stop('SIGKILL');
      answered += (await load).answered;
      if (randomInt(KILL_RECOVERY_ONE_IN) === 0) await killDuringRecovery(installation);
      server = new ServerProcess(installation.environment);
      const checked = filesToCheck(model, round === ROUNDS ? Infinity : OLDER_CHECKED);
      const url = await server.url();
      expect(await brokenPromises({ url, staging }, model, checked), `round ${round}`).toEqual([]);
    }
    // A round in which nothing was answered would prove nothing.
    expect(answered).toBeGreaterThan(ROUNDS);
    expect(await server.stop('SIGTERM')).toEqual({ code: 0, signal: null });
  } finally {
    await server.stop('SIGKILL');
    await installation.remove();
  }
});

async function killDuringRecovery(installation: Installation): Promise<void> {
  const server = new ServerProcess(installation.environment);
  await sleep(200 + randomInt(800));
  await server.stop('SIGKILL');
}
