/** A log, a primary and a catalog wired as boot wires them: the first two on a file system that crashes. */
import { createCatalog } from '#libs/catalog';
import type { Catalog } from '#libs/catalog';
import { nodeFileSystem } from '#libs/durable-fs';
import { CrashFileSystem } from '#libs/durable-fs/testing';
import { fileDeleteDraft, lsn, manifestDraft, newFileId, newUuid } from '#libs/kernel';
import type { FileId, LogId, RecordDraft, StoreId } from '#libs/kernel';
import { initDirectoryStore, PrimaryStore } from '#libs/stores';
import { silentLog } from '#libs/telemetry';
import { createLog } from '#libs/wal';
import type { WriteAheadLog } from '#libs/wal';
import { CLUSTER_ID, WAL_PATH } from '#libs/wal/testing';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Applier } from '../../src/applier.js';
import { Checkpointer } from '../../src/checkpointer.js';

export const PRIMARY_PATH = '/primary';
export const REPLICA_ID = newUuid<StoreId>();

export interface ApplyBench extends AsyncDisposable {
  readonly fs: CrashFileSystem;
  readonly wal: WriteAheadLog;
  readonly primary: PrimaryStore;
  readonly catalog: Catalog;
  readonly catalogPath: string;
  readonly applier: Applier;
  readonly checkpointer: Checkpointer;
  /** One for each time that the checkpointer doubted the catalog. */
  readonly doubts: readonly string[];
}

export interface BenchOptions {
  readonly maxSizeBytes?: number;
}

export async function openApplyBench(options: BenchOptions = {}): Promise<ApplyBench> {
  const fs = new CrashFileSystem();
  const directory = await mkdtemp(join(tmpdir(), 'holdfast-apply-'));
  const catalogPath = join(directory, 'catalog.db');
  const catalog = await createCatalog(nodeFileSystem, catalogPath, CLUSTER_ID, async () => undefined);
  const identity = { clusterId: CLUSTER_ID, storeId: newUuid<StoreId>(), name: 'primary', peers: [] };
  await initDirectoryStore(fs, PRIMARY_PATH, identity);
  const primary = new PrimaryStore(fs, PRIMARY_PATH, identity);
  await primary.deleted.prepare();
  await fs.makeDirectory(WAL_PATH);
  const limits = { maxSizeBytes: options.maxSizeBytes ?? 1024 * 1024, retainSegments: 0, fullWaitMs: 50 };
  const made = { clusterId: CLUSTER_ID, logId: newUuid<LogId>(), firstLsn: lsn(1) };
  const wal = await createLog(fs, WAL_PATH, made, { segmentSizeBytes: 4096, limits });
  const target = { primary, catalog, replicaIds: [REPLICA_ID], changed: () => undefined };
  const applier = new Applier({ target, clock: { now: () => 1 }, log: silentLog, appliedLsn: wal.checkpointLsn });
  const doubts: string[] = [];
  const checkpointer = new Checkpointer({
    wal,
    applier,
    primary,
    catalog,
    doubtCatalog: async () => void doubts.push('in doubt'),
    log: silentLog,
    intervalMs: 60_000,
  });
  wal.listen({ committed: (frames) => applier.enqueue(frames), checkpointWanted: () => undefined });
  return {
    fs,
    wal,
    primary,
    catalog,
    catalogPath,
    applier,
    checkpointer,
    doubts,
    [Symbol.asyncDispose]: async () => {
      await applier.stop();
      await catalog.close();
      await rm(directory, { recursive: true });
    },
  };
}

/** A `file_put` of a small file, named by its content. */
export function putDraft(fileId: FileId, text: string): RecordDraft {
  return manifestDraft({
    fileId,
    fileName: text,
    fileSize: text.length,
    contentType: 'text/plain',
    sha256: '0'.repeat(64),
    createdAtMs: 1,
    mode: 'async',
    wait: 0,
    chunkSize: 1024,
    content: { kind: 'inline', bytes: Buffer.from(text) },
    unknown: {},
  });
}

/** Appends, and waits until it is applied. */
export async function putAndApply({ wal, applier }: ApplyBench, text: string): Promise<FileId> {
  const fileId = newFileId(1);
  await applier.applied((await wal.append(putDraft(fileId, text))).lsn);
  return fileId;
}

export async function deleteAndApply({ wal, applier }: ApplyBench, fileId: FileId): Promise<void> {
  await applier.applied((await wal.append(fileDeleteDraft({ fileId, deletedAtMs: 1 }))).lsn);
}
