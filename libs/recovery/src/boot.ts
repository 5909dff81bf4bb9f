/**
 * Boot, in the one order that is safe:
 *
 *   locks → store identities → verify log → settle log → settle catalog → empty staging → replay → live
 *
 * Nothing is written before both locks are held, nothing is replayed before the log's verified part is durable, and
 * nothing is served before the replay has ended. Whatever is refused is refused before it was changed.
 */
import { Applier, Checkpointer } from '#libs/apply';
import { makeDirectoryDurably } from '#libs/durable-fs';
import type { DirectoryLock } from '#libs/durable-fs';
import { NO_LSN, StoreError, systemErrorCode } from '#libs/kernel';
import { verifyLog } from '#libs/wal';
import { hostname } from 'node:os';
import { bindStores } from './bind-stores.js';
import { releaseCollection } from './collection-hold.js';
import { CATALOG, onDiskOf, replayOntoDisk } from './disk-full.js';
import { settleCatalog } from './settle-catalog.js';
import { hasSetAsideLog } from './set-aside-log.js';
import { settleLog } from './settle-log.js';
import type { BootOptions, OpenInstallation } from './types.js';

/**
 * Recovers the installation and opens it. Throws `directory_locked`, `primary_empty`, `store_mismatch`,
 * `store_unreadable`, `log_corrupt`, `log_behind`, `log_mismatch`, `future_format`, `disk_full`, or the file system's
 * error; the locks are then free again.
 */
export async function boot(options: BootOptions): Promise<OpenInstallation> {
  const locks = await takeLocks(options);
  const releaseLocks = (): void => {
    for (const lock of locks.toReversed()) lock.release();
  };
  try {
    return await recover(options, releaseLocks);
  } catch (error) {
    releaseLocks();
    throw error;
  }
}

async function takeLocks({ fs, clock, walPath, storagePath, lockDirectory }: BootOptions): Promise<DirectoryLock[]> {
  const holder = { pid: process.pid, host: hostname(), startedAtMs: clock.now() };
  const locks: DirectoryLock[] = [];
  try {
    for (const [setting, directory] of Object.entries({ WAL_PATH: walPath, STORAGE_PATH: storagePath })) {
      try {
        await onDiskOf({ setting, path: directory }, makeDirectoryDurably(fs, directory));
        locks.push(lockDirectory(directory, holder));
      } catch (cause) {
        throw StoreError.is(cause) ? cause : unusable(setting, directory, cause);
      }
    }
    return locks;
  } catch (error) {
    for (const lock of locks) lock.release();
    throw error;
  }
}

function unusable(setting: string, directory: string, cause: unknown): StoreError {
  const why = systemErrorCode(cause) ?? String(cause);
  return new StoreError('setting_invalid', `${setting}=${directory} cannot be made or used as a directory (${why}).`, {
    context: { setting, path: directory },
    cause,
  });
}

async function recover(options: BootOptions, releaseLocks: () => void): Promise<OpenInstallation> {
  const { fs, clock, log } = options;
  const startedAtMs = clock.now();
  const reading = await onDiskOf(CATALOG, options.catalogs.open());
  const verified = await verifyLog(fs, options.walPath, (logId) =>
    reading.ok ? (reading.catalog.appliedLsn(logId) ?? NO_LSN) : NO_LSN,
  );
  const stores = await bindStores({
    ...options,
    logCluster: verified?.clusterId,
    catalogCluster: reading.ok ? reading.catalog.clusterId : undefined,
  });
  const stagedFilesRemoved = await stores.primary.staging.empty();
  await stores.primary.deleted.prepare();
  await stores.primary.applied.lookForDoubt();
  const { wal, tornTailPath, logWasGone } = await settleLog(options, verified, stores, reading);
  const replicaIds = stores.replicas.map(({ storeId }) => storeId);
  const { primary } = stores;
  const { catalog, rebuilt, damagedManifests, unreadable } = await settleCatalog(reading, wal, {
    ...options,
    primary,
    replicaIds,
    logId: wal.logId,
    checkpointLsn: wal.checkpointLsn,
    lastLsn: wal.committedLsn,
    logWasGone: logWasGone || (await hasSetAsideLog(fs, options.walPath)),
    mayHaveLost: !stores.primaryWasMade,
  });
  const target = { primary, catalog, replicaIds, changed: options.changed };
  const applier = new Applier({ target, clock, log, appliedLsn: wal.checkpointLsn });
  const storage = { setting: 'STORAGE_PATH', path: options.storagePath };
  const { replayedRecords, interruptedUploads } = await replayOntoDisk(wal, applier, storage);
  await releaseCollection(catalog, primary, unreadable);
  const checkpointer = new Checkpointer({
    wal,
    applier,
    primary,
    catalog,
    doubtCatalog: () => options.catalogs.doubt(),
    log,
    intervalMs: options.checkpointIntervalMs,
  });
  wal.listen({
    committed: (frames) => applier.enqueue(frames),
    checkpointWanted: () => checkpointer.request(),
  });
  checkpointer.start();
  const finishedAtMs = clock.now();
  const report = {
    finishedAtMs,
    durationMs: finishedAtMs - startedAtMs,
    replayedRecords,
    interruptedUploads,
    stagedFilesRemoved,
    tornTailPath,
    // The first catalog of a new installation replaces none.
    catalogRebuilt: stores.primaryWasMade ? undefined : rebuilt,
    damagedManifests,
    logWasGone,
  };
  return { wal, catalog, primary, replicas: stores.replicas, applier, checkpointer, report, releaseLocks };
}
