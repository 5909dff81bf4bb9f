/** `wal inspect`: one segment, record by record, with what stands between them; never a payload. */
import { checksumText, EXIT, NO_LSN, StoreError } from '#libs/kernel';
import type { ExitCode } from '#libs/kernel';
import { whileStopped } from '#libs/recovery';
import { logLayout, openSegmentFile, surveySegment } from '#libs/wal';
import type { SegmentFile, SegmentPiece } from '#libs/wal';
import { basename, dirname, join } from 'node:path';
import { callersPath } from '../callers-path.js';
import { stoppedInstallation } from '../stopped-installation.js';
import { printJson, printLines, quoted, table } from '../terminal.js';
import type { OutputOptions } from '../terminal.js';

const SEGMENT_NUMBER = /^(\d{1,20})(?:\.wal)?$/;

/** Exits with 4 where nothing of the file can be read. */
export async function inspectSegmentFile(segment: string, { json }: OutputOptions): Promise<ExitCode> {
  const options = stoppedInstallation();
  const { segments } = logLayout(options.walPath);
  const number = SEGMENT_NUMBER.exec(segment)?.[1];
  const path = number === undefined ? callersPath(segment) : join(segments, `${number.padStart(20, '0')}.wal`);
  if ((await options.fs.stat(path))?.isDirectory !== false) throw segmentNotFound(path);
  const look = (): Promise<Inspection> => inspect(options.fs, path);
  // A file somewhere else, such as one that was set aside, is not being written to.
  const inspection = dirname(path) === segments ? await whileStopped(options, look) : await look();
  if (json === true) printJson(inspectionJson(inspection));
  else printLines(inspectionText(inspection));
  return inspection.file.mark === undefined ? EXIT.damaged : EXIT.done;
}

interface Inspection {
  readonly file: SegmentFile;
  readonly pieces: readonly SegmentPiece[];
}

async function inspect(fs: Parameters<typeof openSegmentFile>[0], path: string): Promise<Inspection> {
  const file = await openSegmentFile(fs, path);
  if (file.mark === undefined) return { file, pieces: [] };
  const pieces: SegmentPiece[] = [];
  const firstLsn = file.header?.firstLsn ?? NO_LSN;
  for await (const piece of surveySegment(fs, file, { mark: file.mark, firstLsn })) pieces.push(piece);
  return { file, pieces };
}

function inspectionJson({ file: { path, sizeBytes, header }, pieces }: Inspection): object {
  return {
    segment_id: basename(path, '.wal'),
    path,
    size_bytes: sizeBytes,
    // All of it but the end mark, by which the log knows its own frames.
    header:
      header === undefined
        ? null
        : {
            cluster_id: header.clusterId,
            log_id: header.logId,
            first_lsn: header.firstLsn,
            checkpoint_lsn: header.checkpointLsn,
            prev: checksumText(header.prev),
          },
    entries: pieces.map(entryJson),
  };
}

function entryJson(piece: SegmentPiece): object {
  if (piece.kind === 'damage') {
    const { offsetBytes, endBytes, reason, expected, actual } = piece.damage;
    const checksum = { expected: expected ?? null, actual: actual ?? null, verdict: 'bad' };
    return { lsn: null, offset_bytes: offsetBytes, length_bytes: endBytes - offsetBytes, type: null, reason, checksum };
  }
  const { lsn, offsetBytes, lengthBytes, type, fileId, fileName, checksum } = piece.record;
  return {
    lsn,
    offset_bytes: offsetBytes,
    length_bytes: lengthBytes,
    type,
    file_id: fileId ?? null,
    file_name: fileName ?? null,
    checksum: { expected: checksum, actual: checksum, verdict: 'ok' },
  };
}

function* inspectionText({ file: { path, sizeBytes, header, mark }, pieces }: Inspection): Generator<string> {
  yield `${path}, ${sizeBytes} bytes`;
  yield header === undefined
    ? 'The header does not hold.'
    : `log ${header.logId} of installation ${header.clusterId}, first LSN ${header.firstLsn}, checkpoint ${header.checkpointLsn}, prev ${checksumText(header.prev)}`;
  if (mark === undefined) {
    yield 'No record can be read: nothing says what log they would be of.';
    return;
  }
  yield* table(['OFFSET', 'BYTES', 'LSN', 'TYPE', 'CHECKSUM', 'FILE'], pieces.map(row));
}

function row(piece: SegmentPiece): (string | number)[] {
  if (piece.kind === 'damage') {
    const { offsetBytes, endBytes, reason, expected, actual } = piece.damage;
    const sums = expected === undefined ? reason : `${reason}: ${expected} expected, ${actual ?? 'none'} found`;
    return [offsetBytes, endBytes - offsetBytes, '-', 'DAMAGED', sums, ''];
  }
  const { lsn, offsetBytes, lengthBytes, type, fileId, fileName, checksum } = piece.record;
  const file = [fileId, fileName === undefined ? undefined : quoted(fileName)].filter((part) => part !== undefined);
  return [offsetBytes, lengthBytes, String(lsn), type, `ok ${checksum}`, file.join(' ')];
}

function segmentNotFound(path: string): StoreError {
  return new StoreError('segment_not_found', `There is no segment ${path}; \`wal ls\` lists those of the log.`, {
    context: { path },
  });
}
