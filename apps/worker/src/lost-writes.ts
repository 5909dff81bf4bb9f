/**
 * Puts into the results of a worker process what it alone was told: that a file system lost a write. Where the primary may be
 * on that file system too, the server has to know, because Linux will not tell it (docs/adr/0004). Every job that was
 * under way then says so: one of the answers may get lost.
 */
import { mayBeOneFileSystem } from '#libs/durable-fs';
import type { FailedSync, FileSystemSync } from '#libs/durable-fs';
import type { JobHandler } from '#libs/job-queue';
import { stat } from 'node:fs/promises';

export interface LostWrites {
  readonly syncs: Pick<FileSystemSync, 'listen'>;
  /** As this machine sees it. */
  readonly primaryPath: string;
}

/** The handler, with results that say so. */
export function tellingLostWrites(handler: JobHandler, { syncs, primaryPath }: LostWrites): JobHandler {
  /** The last one of each device. */
  const failures = new Map<number, FailedSync>();
  syncs.listen((failed) => failures.set(failed.device, failed));
  return async (job, signal) => {
    const startedAtNs = process.hrtime.bigint();
    const result = await handler(job, signal);
    const meanwhile = [...failures.values()].filter(({ endedAtNs }) => endedAtNs >= startedAtNs);
    if (meanwhile.length === 0) return result;
    // Not known is no reason to be silent.
    const device = await stat(primaryPath).then(
      ({ dev }) => dev,
      () => undefined,
    );
    const lost = meanwhile.find((one) => device === undefined || mayBeOneFileSystem({ device, other: one.device }));
    if (lost === undefined) return result;
    return {
      ...result,
      lostWrite: { code: 'EIO', message: `A worker was told of a lost write: ${lost.error.message}` },
    };
  };
}
