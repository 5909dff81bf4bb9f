/** The log that boot goes on with: the one that is there, verified, or a new one above everything ever stored. */
import type { CatalogReading } from '#libs/catalog';
import { lsn, newUuid, NO_LSN } from '#libs/kernel';
import type { LogId, Lsn } from '#libs/kernel';
import type { Store } from '#libs/stores';
import { createLog, openLog } from '#libs/wal';
import type { VerifiedLog, WriteAheadLog } from '#libs/wal';
import type { BoundStores } from './bind-stores.js';
import { highestStoredLsn } from './stored-records.js';
import type { BootOptions } from './types.js';

export interface SettledLog {
  readonly wal: WriteAheadLog;
  readonly tornTailPath: string | undefined;
  readonly logWasGone: boolean;
}

export async function settleLog(
  options: BootOptions,
  verified: VerifiedLog | undefined,
  stores: BoundStores,
  reading: CatalogReading,
): Promise<SettledLog> {
  const { fs, log, clock, walPath, logOptions } = options;
  const { clusterId } = stores.primary.identity;
  if (verified !== undefined) {
    const { log: wal, tornTailPath, setAsidePaths } = await openLog(fs, verified, logOptions, clock.now());
    if (tornTailPath !== undefined)
      log.warn({ path: tornTailPath }, 'a torn tail was set aside; nothing in it was ever acknowledged');
    for (const path of setAsidePaths)
      log.warn({ path }, 'a segment without a valid header, below the checkpoint, was set aside');
    return { wal, tornTailPath, logWasGone: false };
  }
  const highest = stores.primaryWasMade ? NO_LSN : await highestKnownLsn(options, stores, reading);
  const logId = newUuid<LogId>();
  const firstLsn = lsn(highest + 1);
  if (highest > 0) {
    log.error(
      { wal_path: walPath, first_lsn: firstLsn, log_id: logId },
      'the log is gone; a new one begins. Writes that were acknowledged but not yet checkpointed may be lost',
    );
  }
  const wal = await createLog(fs, walPath, { clusterId, logId, firstLsn }, logOptions);
  return { wal, tornTailPath: undefined, logWasGone: highest > 0 };
}

async function highestKnownLsn({ log }: BootOptions, stores: BoundStores, reading: CatalogReading): Promise<Lsn> {
  const reachable: Store[] = [stores.primary];
  for (const { place, bound } of stores.replicas) {
    const identity = bound === 'online' ? await place.identify() : undefined;
    if (identity !== undefined) reachable.push(place.open(identity));
  }
  let highest: number = reading.ok ? reading.catalog.highestAppliedLsn() : NO_LSN;
  for (const store of reachable) highest = Math.max(highest, await highestStoredLsn(store, log));
  return lsn(highest);
}
