/** Recovers the installation while the application is put together: nothing that needs it exists before it is whole. */
import { Module } from '@nestjs/common';
import { catalogFilesAt } from '#libs/catalog';
import type { Settings } from '#libs/config';
import { acquireDirectoryLock, fileSystemSync, nodeFileSystem, pooledFileSystem } from '#libs/durable-fs';
import { FileCache } from '#libs/file-store';
import { systemClock } from '#libs/kernel';
import type { FileId } from '#libs/kernel';
import { boot } from '#libs/recovery';
import type { BootOptions, OpenInstallation } from '#libs/recovery';
import { storePlaceOf } from '#libs/stores';
import type { Log } from '#libs/telemetry';
import { AppliedChanges } from './applied-changes.js';
import { watchPrimaryDisk } from './primary-disk.js';
import { LOG, OPEN_INSTALLATION, SETTINGS } from './tokens.js';

const CHECKPOINT_INTERVAL_MS = 30_000;

/** How long a write waits for a checkpoint when the log is full. */
const LOG_FULL_WAIT_MS = 10_000;

@Module({
  providers: [
    FileCache,
    AppliedChanges,
    {
      provide: OPEN_INSTALLATION,
      inject: [SETTINGS, LOG, FileCache, AppliedChanges],
      useFactory: async (
        settings: Settings,
        log: Log,
        cache: FileCache,
        changes: AppliedChanges,
      ): Promise<OpenInstallation> => {
        const changed = (fileId: FileId): void => {
          cache.drop(fileId);
          changes.tell(fileId);
        };
        const installation = await boot(bootOptions({ settings, log, changed }));
        const { checkpointer } = installation;
        await watchPrimaryDisk({
          storagePath: settings.storagePath,
          syncs: fileSystemSync,
          doubt: (error) => checkpointer.doubtPrimary(error),
        });
        return installation;
      },
    },
  ],
  exports: [AppliedChanges, FileCache, OPEN_INSTALLATION],
})
export class RecoveryModule {}

interface BootContext extends Pick<BootOptions, 'log' | 'changed'> {
  readonly settings: Settings;
}

function bootOptions({ settings, log, changed }: BootContext): BootOptions {
  return {
    fs: nodeFileSystem,
    clock: systemClock,
    log,
    walPath: settings.walPath,
    storagePath: settings.storagePath,
    catalogs: catalogFilesAt(nodeFileSystem, settings.catalogPath),
    lockDirectory: acquireDirectoryLock,
    replicas: settings.replicas.map((location) => ({
      name: location.name,
      // Never the one that blocks: a replica that does not answer must not keep requests waiting.
      place: storePlaceOf(location, { fs: pooledFileSystem, access: settings }),
    })),
    logOptions: {
      segmentSizeBytes: settings.walSegmentSizeBytes,
      limits: {
        maxSizeBytes: settings.walMaxSizeBytes,
        retainSegments: settings.walRetainSegments,
        fullWaitMs: LOG_FULL_WAIT_MS,
      },
    },
    checkpointIntervalMs: CHECKPOINT_INTERVAL_MS,
    changed,
  };
}
