/**
 * A full disk stops a start, and costs nothing else: every step of the recovery can be repeated. All a person needs is to
 * be told which disk, and how much room is missing.
 */
import type { Applier } from '#libs/apply';
import { isDiskFull, recordTypeOf, StoreError, systemErrorCode } from '#libs/kernel';
import type { WriteAheadLog } from '#libs/wal';
import { replay } from './replay.js';
import type { ReplayResult } from './replay.js';

/** What most file systems give to even the smallest file. */
const BLOCK_BYTES = 4096;

export interface WrittenPlace {
  readonly setting: string;
  readonly path: string;
}

/** Runs a step of the recovery that writes to `place`; throws `disk_full`, naming it, where that has no room. */
export async function onDiskOf<Result>(place: WrittenPlace, step: Promise<Result>): Promise<Result> {
  try {
    return await step;
  } catch (cause) {
    throw isDiskFull(cause) ? diskFull(place, cause) : cause;
  }
}

/** As `replay`. Throws `disk_full` with the most that the replay can need. */
export async function replayOntoDisk(wal: WriteAheadLog, applier: Applier, place: WrittenPlace): Promise<ReplayResult> {
  try {
    return await replay(wal, applier);
  } catch (cause) {
    if (!isDiskFull(cause)) throw cause;
    const isCatalog = systemErrorCode(cause) === 'SQLITE_FULL';
    throw diskFull(isCatalog ? CATALOG : place, cause, await replayBytes(wal));
  }
}

export const CATALOG: WrittenPlace = { setting: 'DATABASE_URL', path: 'the catalog' };

export function diskFull({ setting, path }: WrittenPlace, cause: unknown, neededBytes?: number): StoreError {
  const room = neededBytes === undefined ? 'free space there' : `free up to ${neededBytes} bytes there`;
  return new StoreError(
    'disk_full',
    `The disk of ${setting} (${path}) is too full to recover: ${room} and start again. Nothing is lost.`,
    { context: { setting, path, needed_bytes: neededBytes ?? null }, cause },
  );
}

/** All that the records above the checkpoint can come to as files. */
async function replayBytes(wal: WriteAheadLog): Promise<number> {
  let bytes = 0;
  for await (const { frame } of wal.read(wal.checkpointLsn)) {
    const type = recordTypeOf(frame);
    if (type !== 'file_put' && type !== 'file_delete') continue;
    bytes += Math.ceil(frame.lengthBytes / BLOCK_BYTES) * BLOCK_BYTES;
  }
  return bytes;
}
