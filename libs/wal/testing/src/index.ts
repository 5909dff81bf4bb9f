/** A log on any file system, opened the way boot opens it, and what can be read back from it. */
import type { FileSystem } from '#libs/durable-fs';
import { lsn, newUuid, NO_LSN } from '#libs/kernel';
import type { ClusterId, LogId, Lsn, RecordDraft } from '#libs/kernel';
import { createLog, openLog } from '../../src/open-log.js';
import type { LogOptions } from '../../src/open-log.js';
import { verifyLog } from '../../src/verify-log.js';
import type { WriteAheadLog } from '../../src/write-ahead-log.js';

export const WAL_PATH = '/wal';
export const CLUSTER_ID = 'c1057e40-0000-4000-8000-000000000001' as ClusterId;

export interface TestLogOptions {
  readonly segmentSizeBytes?: number;
  readonly maxSizeBytes?: number;
  readonly fullWaitMs?: number;
  readonly retainSegments?: number;
  /** Of a log that is made. */
  readonly firstLsn?: Lsn;
  /** What the catalog would say is applied. */
  readonly applied?: Lsn;
}

/** Verifies and opens the log at `/wal`, or makes it. */
export async function openTestLog(fs: FileSystem, options: TestLogOptions = {}): Promise<WriteAheadLog> {
  const logOptions: LogOptions = {
    segmentSizeBytes: options.segmentSizeBytes ?? 4096,
    limits: {
      maxSizeBytes: options.maxSizeBytes ?? 1024 * 1024,
      retainSegments: options.retainSegments ?? 0,
      fullWaitMs: options.fullWaitMs ?? 50,
    },
  };
  const verified = await verifyLog(fs, WAL_PATH, () => options.applied ?? NO_LSN);
  if (verified !== undefined) return (await openLog(fs, verified, logOptions, 0)).log;
  await fs.makeDirectory(WAL_PATH);
  const made = { clusterId: CLUSTER_ID, logId: newUuid<LogId>(), firstLsn: options.firstLsn ?? lsn(1) };
  return createLog(fs, WAL_PATH, made, logOptions);
}

/** A record whose payload is `text`, padded to `sizeBytes`; the log does not look into payloads of this type. */
export function textDraft(text: string, sizeBytes = 0): RecordDraft {
  return { type: 'upload_begin', flags: 0, payloadParts: [Buffer.from(text.padEnd(sizeBytes, '.'))] };
}

/** The texts of `textDraft` records above `after`, in order. */
export async function readTexts(log: WriteAheadLog, after: Lsn = NO_LSN): Promise<string[]> {
  const texts: string[] = [];
  for await (const { frame } of log.read(after)) {
    if (frame.type === 1) texts.push(frame.payload.toString('utf8').replace(/\.+$/, ''));
  }
  return texts;
}
