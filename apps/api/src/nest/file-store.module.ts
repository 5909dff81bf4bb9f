/** The file store over the recovered installation, and the routes that lead to it. */
import { Module } from '@nestjs/common';
import type { Settings } from '#libs/config';
import { nodeFileSystem } from '#libs/durable-fs';
import { FileCache, FileStore } from '#libs/file-store';
import type { Copies, FileStoreOptions } from '#libs/file-store';
import { systemClock } from '#libs/kernel';
import type { OpenInstallation } from '#libs/recovery';
import { Replication } from '#libs/replication';
import { StoreOpener } from '#libs/transfer';
import { dirname } from 'node:path';
import { UndeleteController } from '../admin/undelete.controller.js';
import { DownloadController } from '../files/download/download.controller.js';
import { FilesController } from '../files/files.controller.js';
import { UploadController } from '../files/upload/upload.controller.js';
import { RecoveryModule } from './recovery.module.js';
import { ReplicationModule } from './replication.module.js';
import { OPEN_INSTALLATION, SETTINGS } from './tokens.js';

/** How long a transfer waits for its first buffer; a client that is told to come back later is better off by then. */
const BUFFER_WAIT_MS = 10_000;

@Module({
  imports: [RecoveryModule, ReplicationModule],
  controllers: [UploadController, DownloadController, FilesController, UndeleteController],
  providers: [
    {
      provide: FileStore,
      inject: [OPEN_INSTALLATION, FileCache, SETTINGS, Replication, StoreOpener],
      useFactory: (
        installation: OpenInstallation,
        cache: FileCache,
        settings: Settings,
        replication: Replication,
        stores: StoreOpener,
      ): FileStore => {
        const copies = copiesOf(replication, stores);
        const parts = { ...installation, fs: nodeFileSystem, clock: systemClock, cache, copies };
        return new FileStore(parts, fileStoreOptions(settings));
      },
    },
  ],
  exports: [FileStore],
})
export class FileStoreModule {}

function copiesOf(replication: Replication, stores: StoreOpener): Copies {
  return {
    waitForCopies: (wait) => replication.waitForCopies(wait),
    copying: (fileId, storeId) => replication.copying(fileId, storeId),
    open: (storeId) => stores.open(storeId),
    oweRepair: (fileId) => replication.oweRepair(fileId),
  };
}

function fileStoreOptions(settings: Settings): FileStoreOptions {
  return {
    chunkSizeBytes: settings.chunkSizeBytes,
    inlineMaxBytes: settings.inlineMaxBytes,
    maxFileSizeBytes: settings.maxFileSizeBytes,
    readParallelism: settings.readParallelism,
    bufferBudgetBytes: settings.bufferBudgetBytes,
    bufferWaitMs: BUFFER_WAIT_MS,
    replicationTimeoutMs: settings.replicationTimeoutMs,
    diskReserveBytes: settings.diskReserveBytes,
    reservedPaths: [settings.storagePath, settings.walPath, dirname(settings.catalogPath)],
  };
}
