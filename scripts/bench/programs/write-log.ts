/**
 * Appends small files to the log of a stopped installation and ends as a killed process does: the records are durable,
 * nothing of them is in the primary or the catalog, and no checkpoint covers them. Its own process, because the libraries
 * come from the build. Arguments: the log's directory, count, bytes a file.
 */
import { createHash, randomBytes } from 'node:crypto';
import { nodeFileSystem } from '#libs/durable-fs';
import { manifestDraft, newFileId, NO_LSN } from '#libs/kernel';
import { openLog, verifyLog } from '#libs/wal';
import type { WriteAheadLog } from '#libs/wal';

const MIB = 2 ** 20;
/** The server's defaults, so that its log is cut as the real one would be; the log may grow as large as it must. */
const OPTIONS = {
  segmentSizeBytes: 64 * MIB,
  limits: { maxSizeBytes: Number.MAX_SAFE_INTEGER, retainSegments: 0, fullWaitMs: 1000 },
};
const CHUNK_BYTES = MIB;
const APPENDS_AT_ONCE = 512;

function append(log: WriteAheadLog, fileBytes: number): Promise<unknown> {
  const bytes = randomBytes(fileBytes);
  const createdAtMs = Date.now();
  const fileId = newFileId(createdAtMs);
  return log.append(
    manifestDraft({
      fileId,
      fileName: `file-${fileId}.bin`,
      fileSize: fileBytes,
      contentType: 'application/octet-stream',
      sha256: createHash('sha256').update(bytes).digest('hex'),
      createdAtMs,
      mode: 'async',
      wait: 0,
      chunkSize: CHUNK_BYTES,
      content: { kind: 'inline', bytes },
      unknown: {},
    }),
  );
}

const [walPath = '', countText, fileBytesText] = process.argv.slice(2);
const count = Number(countText);
const verified = await verifyLog(nodeFileSystem, walPath, () => NO_LSN);
if (verified === undefined) throw new Error(`there is no log in ${walPath}`);
const { log } = await openLog(nodeFileSystem, verified, OPTIONS, Date.now());
for (let done = 0; done < count; done += APPENDS_AT_ONCE) {
  const batch = Math.min(APPENDS_AT_ONCE, count - done);
  await Promise.all(Array.from({ length: batch }, () => append(log, Number(fileBytesText))));
}
// Without closing the log: a segment being made ahead is then left behind as after a kill.
process.exit(0);
