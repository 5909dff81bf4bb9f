/** What a log at hand adds to a rebuild: every delete, then every file, all of them records that verify. */
import { effectOf } from '#libs/apply';
import type { FileSystem } from '#libs/durable-fs';
import type { FileId, Lsn, RecordType } from '#libs/kernel';
import { readSurveyed } from '#libs/wal';
import type { SurveyedRecord } from '#libs/wal';
import type { LogAtHand } from './rebuild-sources.js';
import type { StoredFile, StoredManifest } from './stored-files.js';

const BATCH_RECORDS = 64;
const BATCH_BYTES = 16 * 1024 * 1024;

/**
 * All of them before any file: the log is a record without gaps up to its end, so a file whose delete is not in it was
 * not deleted by it.
 */
export async function* logDeletesOf(fs: FileSystem, log: LogAtHand): AsyncGenerator<StoredFile[]> {
  for (const records of batchesOf(log, 'file_delete')) {
    const deletes: StoredFile[] = [];
    for (const record of records) {
      const effect = effectOf(await readSurveyed(fs, record));
      if (effect.kind === 'delete') deletes.push({ ...place(effect.fileId, effect.frame) });
    }
    yield deletes;
  }
}

export async function* logFilesOf(fs: FileSystem, log: LogAtHand): AsyncGenerator<StoredManifest[]> {
  for (const records of batchesOf(log, 'file_put')) {
    const files: StoredManifest[] = [];
    for (const record of records) {
      const effect = effectOf(await readSurveyed(fs, record));
      if (effect.kind === 'put') files.push({ ...place(effect.fileId, effect.frame), manifest: effect.manifest });
    }
    yield files;
  }
}

const place = (fileId: FileId, { bytes, lsn }: { bytes: Buffer; lsn: Lsn }): StoredFile => ({ fileId, bytes, lsn });

function* batchesOf(log: LogAtHand, type: RecordType): Generator<SurveyedRecord[]> {
  if (log.kind !== 'usable') return;
  let batch: SurveyedRecord[] = [];
  let bytes = 0;
  for (const record of log.survey.segments.flatMap(({ records }) => records)) {
    // What stands behind the verified end is a torn tail: nobody was ever answered for it.
    if (record.type !== type || record.lsn > log.lastLsn) continue;
    batch.push(record);
    bytes += record.lengthBytes;
    if (batch.length < BATCH_RECORDS && bytes < BATCH_BYTES) continue;
    yield batch;
    batch = [];
    bytes = 0;
  }
  if (batch.length > 0) yield batch;
}
