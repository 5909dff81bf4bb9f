/** A machine that lost its power and then a byte of its log, and what a repair needs to work on it. */
import type { CatalogLook, CatalogSight } from '#libs/catalog';
import { ModelledCatalogs } from '#libs/catalog/testing';
import type { CatalogImage } from '#libs/catalog/testing';
import { CrashFileSystem, crashStates } from '#libs/durable-fs/testing';
import type { DiskSnapshot } from '#libs/durable-fs/testing';
import type { FileId } from '#libs/kernel';
import type { StoppedOptions } from '#libs/recovery';
import { silentLog } from '#libs/telemetry';
import { surveyLog } from '#libs/wal';
import type { SurveyedRecord } from '#libs/wal';
import { installedMachine, PRIMARY_PATH, SEGMENT_SIZE, start, TestClock, WAL_PATH } from '../states/machine.js';
import type { Machine } from '../states/machine.js';
import { put } from '../store/installation.js';

export interface KnownFile {
  readonly fileId: FileId;
  readonly bytes: Buffer;
}

export interface StoppedMachine {
  readonly disk: DiskSnapshot;
  /** The catalog as the power cut left it. */
  readonly image: CatalogImage;
  readonly files: Readonly<Record<string, KnownFile>>;
}

const SIZES = { first: 150, deleted: 120, second: 150, large: 1300, third: 150, fourth: 100 };

/**
 * Six files, one of them of several chunks, one deleted; all above the checkpoint, and of what was applied the disk kept
 * nothing: only the log has them.
 */
export async function stoppedMachine(): Promise<StoppedMachine> {
  const machine = await installedMachine();
  const store = await start(machine);
  const files: Record<string, KnownFile> = {};
  for (const [name, size] of Object.entries(SIZES)) {
    const bytes = Buffer.alloc(size, name);
    files[name] = { fileId: (await put(store.files, name, bytes)).fileId, bytes };
  }
  await store.files.delete(files['deleted']!.fileId);
  const images = machine.catalogs.images();
  const [afterCut] = crashStates(machine.fs.snapshot(), { limit: 1 });
  machine.fs.halt();
  await store.abandon();
  return { disk: afterCut!.fileSystem.snapshot(), image: images.at(-1), files };
}

export function machineFrom(disk: DiskSnapshot, image: CatalogImage): Machine {
  return {
    fs: new CrashFileSystem({ snapshot: disk }),
    catalogs: new ModelledCatalogs(image),
    clock: new TestClock(),
  };
}

/** Flips a byte in the middle of the record that `which` picks. */
export async function flipRecord(fs: CrashFileSystem, which: (record: SurveyedRecord) => boolean): Promise<void> {
  const survey = await surveyLog(fs, WAL_PATH);
  const record = survey!.segments.flatMap(({ records }) => records).find(which)!;
  fs.rot(record.path, record.offsetBytes + Math.floor(record.lengthBytes / 2));
}

export function repairOptions({ fs, clock, catalogs }: Machine): StoppedOptions {
  return {
    fs,
    clock,
    log: silentLog,
    walPath: WAL_PATH,
    storagePath: PRIMARY_PATH,
    replicas: [],
    lockDirectory: (directory) => ({ directory, release: () => undefined }),
    lookIntoCatalog: lookInto(catalogs),
    logOptions: {
      segmentSizeBytes: SEGMENT_SIZE,
      limits: { maxSizeBytes: 64 * SEGMENT_SIZE, retainSegments: 0, fullWaitMs: 0 },
    },
  };
}

function lookInto(catalogs: ModelledCatalogs): CatalogLook {
  return async (look) => {
    // A look leaves nothing behind, so it is given a place of its own.
    const reading = await new ModelledCatalogs(catalogs.images().at(-1)).open();
    // A look does not ask for doubts: it changes nothing.
    if (!reading.ok) return look({ ok: false, reason: reading.reason === 'missing' ? 'missing' : 'corrupt' });
    const { catalog } = reading;
    const sight: CatalogSight = {
      ok: true,
      catalog: {
        clusterId: catalog.clusterId,
        appliedLsn: (logId) => catalog.appliedLsn(logId),
        highestAppliedLsn: () => catalog.highestAppliedLsn(),
        hasFile: (fileId) => catalog.findFile(fileId) !== undefined,
        filesAbove: (logId, after) =>
          catalog
            .listFiles({ fileName: '', fileId: '' }, 1000)
            .filter((file) => file.logId === logId && file.lsn > after),
      },
    };
    try {
      return await look(sight);
    } finally {
      await catalog.close();
    }
  };
}
