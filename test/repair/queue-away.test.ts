/** Repairs whose jobs nobody takes: they end, and say so. On the built server and a real Redis. */
import { unlink } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { Fleet } from '../replication/fleet.js';
import { nothingOwed } from '../replication/replica-client.js';
import { contentOf, recordPath } from '../replication/stores.js';
import { store } from '../server/file-client.js';
import { testBytes } from '../server/http-client.js';
import { reasonWithoutRedis } from '../services/redis.js';
import { whySkipped } from '../services/why-skipped.js';
import { runRepairProgram } from './repair-program.js';

const reason = reasonWithoutRedis();

describe.skipIf(reason !== undefined)(`a repair while Redis is away${whySkipped(reason)}`, () => {
  it(
    'ends with 4, names the queue, keeps no later one waiting, and is done when Redis is back',
    { timeout: 300_000 },
    () =>
      Fleet.during(async (fleet) => {
        await fleet.startAll();
        const environment = { HOLDFAST_URL: fleet.url };
        const lost = await store(fleet.url, { name: 'lost', content: testBytes(300, 1) });
        await nothingOwed(fleet);
        await unlink(recordPath(fleet.replica('replica1'), 'manifests', lost.file_id));
        await fleet.redis.stop('SIGKILL');
        const late = await store(fleet.url, { name: 'late', content: testBytes(300, 2) });

        const looked = await runRepairProgram(environment, '--dry-run');
        expect([looked.code, looked.stdout]).toEqual([4, expect.stringMatching(/the stores are NOT equal\n$/)]);
        expect(looked.stdout).toContain(`replica2: missing: manifest ${late.file_id}`);

        const repaired = await runRepairProgram(environment);
        expect([repaired.code, repaired.stderr]).toEqual([4, '']);
        expect(repaired.stdout).toMatch(/^done: 0 objects mended, 0 files/m);
        for (const name of ['replica1', 'replica2'])
          expect(repaired.stdout).toMatch(
            new RegExp(`^ {2}${name}: queue_unavailable: Nothing is carried out: .*queue takes no jobs`, 'm'),
          );
        expect(repaired.stdout).toContain(`replica1: missing: manifest ${lost.file_id}`);
        expect(repaired.stdout).toMatch(/the stores are NOT equal\n$/);

        await fleet.redis.start();
        await nothingOwed(fleet);
        const mended = await runRepairProgram(environment);
        expect([mended.code, mended.stdout]).toEqual([0, expect.stringMatching(/all stores are equal\n$/)]);
        const whole = await contentOf(fleet.installation.primary);
        for (const name of ['replica1', 'replica2'] as const)
          expect(await contentOf(fleet.replica(name))).toEqual(whole);
      }),
  );
});
