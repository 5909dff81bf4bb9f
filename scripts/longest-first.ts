// Begins with the test files that take longest, so that none of them is still at work alone when all others are done. In a
// fresh clone vitest knows no times and goes by the length of a file, which says nothing here: the shortest one of all
// takes minutes.
import { relative } from 'node:path';
import { BaseSequencer } from 'vitest/node';
import type { TestSpecification } from 'vitest/node';

/** Seconds on two cores, roughly: only the order counts, and whatever is not named comes after. */
export const SECONDS: Readonly<Record<string, number>> = {
  'test/states/crash-points.test.ts': 80,
  'test/states/collection.test.ts': 60,
  'test/states/uploads-and-deletes.test.ts': 50,
  'test/states/restarts.test.ts': 38,
  'test/states/undeletes.test.ts': 24,
  'libs/stores/src/s3-store.test.ts': 21,
  'libs/replication/src/model.test.ts': 20,
  'test/states/first-boot.test.ts': 13,
  'libs/stores/src/directory-store.test.ts': 11,

  'test/operations/operations.test.ts': 120,
  'test/s3/radosgw.test.ts': 104,
  'test/replication/redis.test.ts': 74,
  'test/cli/wal.test.ts': 60,
  'test/api/start-and-stop.test.ts': 54,
  'test/cli/files.test.ts': 50,
  'test/cli/import-export.test.ts': 40,
  'test/repair/damaged-stores.test.ts': 38,
  'test/repair/repair-command.test.ts': 38,
  'test/replication/bad-replicas.test.ts': 36,
  'test/replication/backlog.test.ts': 35,
  'test/replication/hung-replica.test.ts': 30,
  'test/replication/scrub.test.ts': 28,
  'test/cli/status.test.ts': 27,
  'test/browser/stored-pages.test.ts': 27,
  'test/cli/rebuild.test.ts': 26,
  'test/replication/embedded.test.ts': 26,
  'test/cli/undelete.test.ts': 25,
  'test/queue/bad-days.test.ts': 21,
  'test/worker/worker.test.ts': 20,

  'test/faults/full-disk.test.ts': 95,
  'test/faults/flipped-bytes.test.ts': 86,
  'test/faults/failing-disk.test.ts': 66,
  'test/faults/read-only.test.ts': 48,
  'test/soak/soak.test.ts': 45,
  'test/crash/kill.test.ts': 39,
};

export class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const seconds = ({ moduleId }: TestSpecification): number => SECONDS[relative(this.ctx.config.root, moduleId)] ?? 0;
    const sorted = await super.sort(files);
    return sorted.toSorted((one, other) => groupOf(one) - groupOf(other) || seconds(other) - seconds(one));
  }
}

function groupOf({ project }: TestSpecification): number {
  return project.config.sequence.groupOrder;
}
