/** A whole installation in a temporary directory, without the HTTP front door, for tests that stop and start it. */
import { catalogFilesAt } from '#libs/catalog';
import { acquireDirectoryLock, nodeFileSystem } from '#libs/durable-fs';
import type { FileSystem } from '#libs/durable-fs';
import { FileCache, FileStore } from '#libs/file-store';
import type { FileReceipt } from '#libs/file-store';
import { systemClock } from '#libs/kernel';
import type { FileId } from '#libs/kernel';
import { boot } from '#libs/recovery';
import type { OpenInstallation } from '#libs/recovery';
import { DirectoryPlace } from '#libs/stores';
import { silentLog } from '#libs/telemetry';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export const CHUNK_SIZE = 64 * 1024;
export const INLINE_MAX = 4 * 1024;
const SEGMENT_SIZE = 256 * 1024;

export interface InstallationPaths {
  readonly root: string;
  readonly wal: string;
  readonly primary: string;
  readonly catalog: string;
  readonly replica: string;
}

export async function temporaryPaths(): Promise<InstallationPaths & AsyncDisposable> {
  const root = await mkdtemp(join(tmpdir(), 'holdfast-test-'));
  return {
    root,
    wal: join(root, 'wal'),
    primary: join(root, 'primary'),
    catalog: join(root, 'catalog.db'),
    replica: join(root, 'replica'),
    [Symbol.asyncDispose]: () => rm(root, { recursive: true }),
  };
}

export interface TestInstallation {
  readonly parts: OpenInstallation;
  readonly files: FileStore;
  /** Ends as a stopping server does: checkpoint, close, release. */
  close(): Promise<void>;
  /** Ends as a killed process does: nothing more is written. */
  abandon(): Promise<void>;
}

export async function openInstallation(
  paths: InstallationPaths,
  fs: FileSystem = nodeFileSystem,
): Promise<TestInstallation> {
  const cache = new FileCache();
  const parts = await boot({
    fs,
    clock: systemClock,
    log: silentLog,
    walPath: paths.wal,
    storagePath: paths.primary,
    catalogs: catalogFilesAt(fs, paths.catalog),
    lockDirectory: acquireDirectoryLock,
    replicas: [{ name: 'replica', place: new DirectoryPlace(fs, paths.replica) }],
    logOptions: {
      segmentSizeBytes: SEGMENT_SIZE,
      limits: { maxSizeBytes: 64 * SEGMENT_SIZE, retainSegments: 0, fullWaitMs: 1000 },
    },
    checkpointIntervalMs: 60_000,
    changed: (fileId) => cache.drop(fileId),
  });
  const files = new FileStore(
    { fs, clock: systemClock, cache, ...parts },
    {
      chunkSizeBytes: CHUNK_SIZE,
      inlineMaxBytes: INLINE_MAX,
      maxFileSizeBytes: 64 * 1024 * 1024,
      readParallelism: 4,
      bufferBudgetBytes: 16 * CHUNK_SIZE,
      bufferWaitMs: 1000,
      replicationTimeoutMs: 1000,
      diskReserveBytes: 0,
      reservedPaths: [paths.primary, paths.wal],
    },
  );
  const end = async (): Promise<void> => {
    parts.checkpointer.stop();
    await parts.wal.close();
    await parts.applier.stop();
    await parts.catalog.close();
    parts.releaseLocks();
  };
  return {
    parts,
    files,
    abandon: end,
    close: async () => {
      await parts.applier.drain();
      await parts.checkpointer.run();
      await end();
    },
  };
}

/** Uploads `bytes` in pieces of 10,000 bytes, which match neither chunks nor sockets. */
export function put(files: FileStore, fileName: string, bytes: Buffer): Promise<FileReceipt> {
  async function* body(): AsyncGenerator<Buffer> {
    for (let at = 0; at < bytes.length; at += 10_000) yield bytes.subarray(at, at + 10_000);
  }
  return files.upload({ fileName, contentType: 'application/octet-stream', declaredBytes: bytes.length, body: body() });
}

export async function get(files: FileStore, fileId: FileId, range?: { start: number; end: number }): Promise<Buffer> {
  const pieces: Buffer[] = [];
  await files.read(fileId, {
    select: ({ fileSize }) => [range ?? { start: 0, end: fileSize }],
    write: async (bytes) => void pieces.push(Buffer.from(bytes)),
  });
  return Buffer.concat(pieces);
}
