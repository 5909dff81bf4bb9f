/** The file store: upload, read, list, delete, undelete. Each operation is a file of its own; this is their one door. */
import type { FileSystem } from '#libs/durable-fs';
import type { FileId } from '#libs/kernel';
import type { FileStoreContext, FileStoreLimits, FileStoreParts } from './context.js';
import { NO_COPIES } from './copies.js';
import { deleteFile } from './delete-file.js';
import type { DeleteCheck } from './delete-file.js';
import { DiskReserve } from './disk-reserve.js';
import type { FullDisk } from './disk-reserve.js';
import { listFiles } from './list-files.js';
import { readFile } from './read-file.js';
import { fileNotFound, receiptOf } from './receipt.js';
import { SharedContents } from './shared-contents.js';
import { TransferBuffers } from './transfer-buffers.js';
import type { FileListQuery, FilePage, FileReceipt, FileSink, UploadRequest } from './types.js';
import { assertUploadable, upload } from './upload.js';
import type { ExpectedUpload } from './upload.js';
import { undeleteFile } from './undelete-file.js';
import { UploadKeys } from './upload-keys.js';

export interface FileStoreOptions extends FileStoreLimits {
  readonly bufferBudgetBytes: number;
  /** How long a transfer waits for its first buffer before it fails with `overloaded`. */
  readonly bufferWaitMs: number;
  readonly diskReserveBytes: number;
  /** The directories whose disks must keep the reserve free. */
  readonly reservedPaths: readonly string[];
}

export class FileStore {
  readonly #context: FileStoreContext;

  constructor({ fs, ...parts }: FileStoreParts & { readonly fs: FileSystem }, options: FileStoreOptions) {
    this.#context = {
      ...parts,
      copies: parts.copies ?? NO_COPIES,
      buffers: new TransferBuffers({
        budgetBytes: options.bufferBudgetBytes,
        pooledSizeBytes: options.chunkSizeBytes,
        waitMs: options.bufferWaitMs,
      }),
      reserve: new DiskReserve({
        fs,
        clock: parts.clock,
        paths: options.reservedPaths,
        reserveBytes: options.diskReserveBytes,
      }),
      contents: new SharedContents(),
      limits: options,
      uploadKeys: new UploadKeys(),
      deleting: new Set(),
      undeleting: new Map(),
    };
  }

  /** Stores a file; what it answers is durable and can be read. Throws what `upload.ts` says. */
  upload(request: UploadRequest): Promise<FileReceipt> {
    return upload(this.#context, request);
  }

  /** Resolves where such an upload could begin now; throws what `upload.ts` says. */
  assertUploadable(expected: ExpectedUpload): Promise<void> {
    return assertUploadable(this.#context, expected);
  }

  /** The disks for whose sake uploads are refused now. */
  fullDisks(): Promise<FullDisk[]> {
    return this.#context.reserve.fullDisks();
  }

  /** Throws `file_not_found`. */
  stat(fileId: FileId): FileReceipt {
    const entry = this.#context.catalog.findFile(fileId);
    if (entry === undefined) throw fileNotFound(fileId);
    return receiptOf(this.#context, entry);
  }

  list(query: FileListQuery): FilePage {
    return listFiles(this.#context, query);
  }

  read(fileId: FileId, sink: FileSink): Promise<void> {
    return readFile(this.#context, fileId, sink);
  }

  /** Throws `file_not_found`, or what `check` throws. */
  delete(fileId: FileId, check?: DeleteCheck): Promise<void> {
    return deleteFile(this.#context, fileId, check);
  }

  /** Brings a deleted file back under a new id. Throws what `undelete-file.ts` says. */
  undelete(fileId: FileId): Promise<FileReceipt> {
    return undeleteFile(this.#context, fileId);
  }
}
