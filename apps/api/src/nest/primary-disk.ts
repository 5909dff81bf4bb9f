/**
 * Tells the checkpointer of every sync of the primary's file system that failed for somebody else of this process: a job,
 * the garbage collection, an adoption. Linux tells the error of a lost write once; the checkpoint would hear that all is well.
 */
import type { FileSystemSync } from '#libs/durable-fs';
import { mayBeOneFileSystem } from '#libs/durable-fs';
import { stat } from 'node:fs/promises';

export interface PrimaryDisk {
  readonly storagePath: string;
  readonly syncs: Pick<FileSystemSync, 'listen'>;
  readonly doubt: (error: Error) => Promise<void>;
}

/** Before anybody else than the boot syncs. */
export async function watchPrimaryDisk({ storagePath, syncs, doubt }: PrimaryDisk): Promise<void> {
  // Asked now: the primary stays where it is while its lock is held, and later its disk may not answer.
  const { dev: device } = await stat(storagePath);
  syncs.listen((failed) => {
    if (mayBeOneFileSystem({ device, other: failed.device })) void doubt(failed.error);
  });
}
