/** Replays the log above its checkpoint into the primary and the catalog, through the same code that applies live. */
import type { Applier } from '#libs/apply';
import { decodeManifest, decodeUploadBegin, recordTypeOf } from '#libs/kernel';
import type { FileId, Frame } from '#libs/kernel';
import type { WriteAheadLog } from '#libs/wal';

const BATCH_RECORDS = 512;

export interface ReplayResult {
  readonly replayedRecords: number;
  /** Uploads that began above the checkpoint and never became a file. */
  readonly interruptedUploads: number;
}

export async function replay(wal: WriteAheadLog, applier: Applier): Promise<ReplayResult> {
  const begun = new Set<FileId>();
  let replayedRecords = 0;
  let batch: Frame[] = [];
  const flush = async (): Promise<void> => {
    if (batch.length > 0) await applier.replay(batch);
    replayedRecords += batch.length;
    batch = [];
  };
  for await (const { frame } of wal.read(wal.checkpointLsn)) {
    noteUpload(begun, frame);
    batch.push(frame);
    if (batch.length === BATCH_RECORDS) await flush();
  }
  await flush();
  return { replayedRecords, interruptedUploads: begun.size };
}

function noteUpload(begun: Set<FileId>, frame: Frame): void {
  const type = recordTypeOf(frame);
  if (type === 'upload_begin') begun.add(decodeUploadBegin(frame).fileId);
  if (type === 'file_put' && begun.size > 0) begun.delete(decodeManifest(frame).fileId);
}
