import type { FailedSync } from '#libs/durable-fs';
import { doneResult, testJob } from '#libs/job-queue/testing';
import type { JobHandler, JobResult } from '#libs/job-queue';
import { statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { describe, expect, it } from 'vitest';
import { tellingLostWrites } from './lost-writes.js';

const PRIMARY = tmpdir();
const { dev: DISK } = statSync(PRIMARY);
/** A disk with another number; of a place without a disk it could not be told. */
const OTHER_DISK = 0x0801 === DISK ? 0x0802 : 0x0801;
const never = new AbortController().signal;

/** A worker on syncs that a test fails. */
class Bench {
  #tell: (failed: FailedSync) => void = () => undefined;
  readonly #during: () => void;
  readonly run: JobHandler;

  constructor({ during = () => undefined, primaryPath = PRIMARY }: { during?: () => void; primaryPath?: string } = {}) {
    this.#during = during;
    const handler: JobHandler = async (job): Promise<JobResult> => {
      this.#during();
      return doneResult(job);
    };
    const listen = (listener: (failed: FailedSync) => void) => {
      this.#tell = listener;
      return () => undefined;
    };
    this.run = tellingLostWrites(handler, { syncs: { listen }, primaryPath });
  }

  fail(device = DISK): void {
    this.#tell({ device, endedAtNs: process.hrtime.bigint(), error: new Error('syncfs') });
  }
}

describe('a result', () => {
  it('says that a write was lost meanwhile on the disk of the primary, whatever became of the job', async () => {
    const bench: Bench = new Bench({ during: () => bench.fail() });
    const job = testJob('job');
    const { lostWrite, ...result } = await bench.run(job, never);
    expect(lostWrite?.code).toBe('EIO');
    expect(result).toEqual(doneResult(job));
  });

  it('says so of every job that was under way', async () => {
    const bench = new Bench();
    const results = [bench.run(testJob('one'), never), bench.run(testJob('other'), never)];
    bench.fail();
    for (const result of results) expect((await result).lostWrite?.code).toBe('EIO');
  });

  it('does not say so of a job that began later, which would end checkpoints again behind a restart', async () => {
    const bench = new Bench();
    bench.fail();
    expect((await bench.run(testJob('job'), never)).lostWrite).toBeUndefined();
  });

  it('does not say so of another disk', async () => {
    const bench: Bench = new Bench({ during: () => bench.fail(OTHER_DISK) });
    expect((await bench.run(testJob('job'), never)).lostWrite).toBeUndefined();
  });

  it('says so where nobody knows on which disk the primary is', async () => {
    const bench: Bench = new Bench({ during: () => bench.fail(OTHER_DISK), primaryPath: '/nonexistent' });
    expect((await bench.run(testJob('job'), never)).lostWrite?.code).toBe('EIO');
  });
});
