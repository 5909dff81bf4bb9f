/**
 * Random uploads, reads and deletes while the server, the workers and Redis are killed and replicas vanish; then everything
 * comes back, and every store must agree with what was acknowledged. `SOAK_SECONDS` of load, `SOAK_SEED` repeats the draws
 * (not the moments at which they meet the processes).
 */
import { randomUUID } from 'node:crypto';
import { access } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { ClientModel } from '../crash/model.js';
import { brokenPromises } from '../crash/promises.js';
import { Fleet, REPLICAS } from '../replication/fleet.js';
import type { Shape } from '../replication/fleet.js';
import { statusOf } from '../replication/replica-client.js';
import { recordPath } from '../replication/stores.js';
import { ask } from '../server/http-client.js';
import { reasonWithoutRedis } from '../services/redis.js';
import { whySkipped } from '../services/why-skipped.js';
import { agreementOf } from './agreement.js';
import { SoakClients } from './clients.js';
import { Mishaps, WORKERS } from './mishaps.js';
import { SeededRandom } from './seeded-random.js';

const SECONDS = Number(process.env['SOAK_SECONDS']);
const SEED = process.env['SOAK_SEED'] ?? randomUUID();
const CLIENTS = 10;
/** Load between two looks at everything. */
const MAX_ROUND_SECONDS = 60;
/** How long what is owed may take, when everything is back. */
const PATIENCE_MS = 180_000;
const BETWEEN_SYNCS_MS = 3_000;

const SETTINGS = { GC_GRACE: '1s', REPLICATION_TIMEOUT: '2s', WAL_MAX_SIZE: '64MiB' };

const reason = reasonWithoutRedis();
const shapes: readonly Shape[] = reason === undefined ? ['embedded', 'external'] : ['embedded'];
const rounds = shapes.length * Math.ceil(SECONDS / shapes.length / MAX_ROUND_SECONDS);

it(`every store agrees with what was acknowledged after ${SECONDS} s of load and death${whySkipped(reason)}`, () =>
  Fleet.during(async (fleet) => {
    const model = new ClientModel();
    const isOnEveryReplica = (fileId: string): Promise<boolean> => standsOnEveryReplica(fleet, fileId);
    const random = new SeededRandom(`${SEED} clients`);
    const clients = new SoakClients({ model, random, url: () => fleet.url, isOnEveryReplica });
    const mishaps = new Mishaps({ fleet, random: new SeededRandom(`${SEED} mishaps`) });
    console.log(`soak: SOAK_SEED=${SEED} SOAK_SECONDS=${SECONDS}`);
    for (let round = 0; round < rounds; round += 1) {
      await takeShape(fleet, shapes[round % shapes.length]!);
      const signal = AbortSignal.timeout((SECONDS * 1_000) / rounds);
      await Promise.all([clients.run(CLIENTS, signal), mishaps.run(signal)]);
      await settle(fleet);
      const staging = join(fleet.installation.primary, 'staging');
      const broken = await brokenPromises({ url: fleet.url, staging }, model, new Set(model.all()));
      // Settled only now: a file of an upload without an answer is known since.
      await settle(fleet);
      const { faults, summary } = await agreementOf(fleet, model);
      console.log(`soak: round ${round + 1} of ${rounds}, ${fleet.shape}: ${summary}`);
      expect([...clients.faults, ...broken, ...faults], `round ${round + 1}, ${mishaps.counts.summary()}`).toEqual([]);
    }
    console.log(`soak: ${clients.counts.summary()}\nsoak: ${mishaps.counts.summary()}`);
    // A soak in which nothing was answered, or nothing went wrong, would prove nothing.
    for (const what of ['uploads answered 201 async', 'uploads answered 201 sync', 'deletes answered']) {
      expect(clients.counts.of(what), what).toBeGreaterThan(0);
    }
    for (const what of ['server ended by SIGKILL', 'replica1 vanished']) {
      expect(mishaps.counts.of(what), what).toBeGreaterThan(0);
    }
  }, SETTINGS));

/** Starts what the shape needs, on the data of the shape before. */
async function takeShape(fleet: Fleet, shape: Shape): Promise<void> {
  const isFirst = fleet.url === '';
  if (!isFirst) await fleet.server.stop();
  await fleet.stopWorkers();
  await fleet.redis.stop();
  fleet.shape = shape;
  if (shape === 'external') await fleet.redis.start();
  await fleet.startServer();
  if (shape === 'external') await Promise.all(Array.from({ length: WORKERS }, () => fleet.startWorker()));
}

/** Resolves when nothing is owed to anybody. */
async function settle(fleet: Fleet): Promise<void> {
  const deadline = performance.now() + PATIENCE_MS;
  for (;;) {
    const owed = (await statusOf(fleet)).filter(({ state, lag }) => lag.files > 0 || state !== 'online');
    if (owed.length === 0) return;
    if (performance.now() > deadline) throw new Error(`still owed: ${JSON.stringify(owed)}`);
    await ask(`${fleet.url}/admin/replicas/sync`, { method: 'POST' });
    await sleep(BETWEEN_SYNCS_MS);
  }
}

/** Looks for it where the replica is, and where it is while it is away. */
async function standsOnEveryReplica(fleet: Fleet, fileId: string): Promise<boolean> {
  const found = await Promise.all(
    REPLICAS.map(async (name) => {
      const path = fleet.replica(name);
      // Twice, because the replica may go or come between the two looks.
      for (const root of [path, `${path}.away`, path, `${path}.away`]) {
        const isThere = await access(recordPath(root, 'manifests', fileId)).then(
          () => true,
          () => false,
        );
        if (isThere) return true;
      }
      return false;
    }),
  );
  return found.every(Boolean);
}
