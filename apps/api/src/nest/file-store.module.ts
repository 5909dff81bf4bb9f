/** The file store over the recovered installation, and the routes that lead to it. */
import { Module } from '@nestjs/common';
import type { Settings } from '#libs/config';
import { nodeFileSystem } from '#libs/durable-fs';
import { EntryCache, FileStore } from '#libs/file-store';
import type { FileStoreOptions } from '#libs/file-store';
import { systemClock } from '#libs/kernel';
import type { OpenInstallation } from '#libs/recovery';
import { dirname } from 'node:path';
import { DownloadController } from '../files/download/download.controller.js';
import { FilesController } from '../files/files.controller.js';
import { UploadController } from '../files/upload/upload.controller.js';
import { RecoveryModule } from './recovery.module.js';
import { OPEN_INSTALLATION, SETTINGS } from './tokens.js';

/** How long a transfer waits for its first buffer; a client that is told to come back later is better off by then. */
const BUFFER_WAIT_MS = 10_000;

@Module({
  imports: [RecoveryModule],
  controllers: [UploadController, DownloadController, FilesController],
  providers: [
    {
      provide: FileStore,
      inject: [OPEN_INSTALLATION, EntryCache, SETTINGS],
      useFactory: (installation: OpenInstallation, cache: EntryCache, settings: Settings): FileStore =>
        new FileStore({ ...installation, fs: nodeFileSystem, clock: systemClock, cache }, fileStoreOptions(settings)),
    },
  ],
})
export class FileStoreModule {}

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
