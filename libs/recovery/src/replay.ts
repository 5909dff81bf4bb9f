/** Replays the log above its checkpoint into the primary and the catalog, through the same code that applies live. */
import type { Applier } from '#libs/apply';
import { decodeManifest, decodeUploadBegin, recordTypeOf } from '#libs/kernel';
import type { FileId, Frame } from '#libs/kernel';
import type { WriteAheadLog } from '#libs/wal';

export interface ReplayResult {
  readonly replayedRecords: number;
  /** Uploads that began above the checkpoint and never became a file. */
  readonly interruptedUploads: number;
}

export async function replay(wal: WriteAheadLog, applier: Applier): Promise<ReplayResult> {
  const begun = new Set<FileId>();
  let replayedRecords = 0;
  async function* frames(): AsyncGenerator<Frame> {
    for await (const { frame } of wal.read(wal.checkpointLsn)) {
      noteUpload(begun, frame);
      replayedRecords += 1;
      yield frame;
    }
  }
  await applier.replay(frames());
  return { replayedRecords, interruptedUploads: begun.size };
}

function noteUpload(begun: Set<FileId>, frame: Frame): void {
  const type = recordTypeOf(frame);
  if (type === 'upload_begin') begun.add(decodeUploadBegin(frame).fileId);
  if (type === 'file_put' && begun.size > 0) begun.delete(decodeManifest(frame).fileId);
}
