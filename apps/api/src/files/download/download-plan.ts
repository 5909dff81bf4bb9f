/** Decides how a download is answered: status, headers and which bytes. Pure; the bytes are sent by response-sink.ts. */
import type { FileEntry } from '#libs/catalog';
import type { ByteRange } from '#libs/file-store';
import { StoreError } from '#libs/kernel';
import { entityTag, noneMatchNames, rangeStillValid } from './conditions.js';
import { contentDisposition, readDisposition } from './disposition.js';
import { parseRange } from './range.js';

export interface DownloadRequest {
  /** The route: `read` shows in place what is safe to show, `download` saves. */
  readonly purpose: 'download' | 'read';
  readonly method: string;
  readonly range: string | undefined;
  readonly ifRange: string | undefined;
  readonly ifNoneMatch: string | undefined;
}

export interface DownloadPlan {
  readonly status: 200 | 206 | 304;
  readonly headers: Readonly<Record<string, string | number>>;
  /** Undefined where the answer has no body. */
  readonly range: ByteRange | undefined;
}

/** Throws `range_not_satisfiable`. The order of the checks is that of RFC 9110, section 13.2.2. */
export function planDownload(entry: FileEntry, request: DownloadRequest): DownloadPlan {
  const tag = entityTag(entry);
  const validators = {
    etag: tag,
    'last-modified': new Date(entry.createdAtMs).toUTCString(),
    // The bytes never change, but the file can be deleted, and a shared cache must not hand it to others.
    'cache-control': 'private, no-cache',
  };
  if (noneMatchNames(request.ifNoneMatch, tag)) return { status: 304, headers: validators, range: undefined };
  const headers = { ...validators, ...contentHeaders(entry, request) };
  if (request.method === 'HEAD') {
    return { status: 200, headers: { ...headers, 'content-length': entry.fileSize }, range: undefined };
  }
  return rangeStillValid(request.ifRange, tag)
    ? planRange(entry, headers, request.range)
    : planRange(entry, headers, undefined);
}

function planRange(entry: FileEntry, headers: DownloadPlan['headers'], wanted: string | undefined): DownloadPlan {
  const verdict = parseRange(wanted, entry.fileSize);
  switch (verdict.kind) {
    case 'whole': {
      const range = { start: 0, end: entry.fileSize };
      return { status: 200, headers: { ...headers, 'content-length': entry.fileSize }, range };
    }
    case 'part': {
      const { start, end } = verdict.range;
      const contentRange = `bytes ${start}-${end - 1}/${entry.fileSize}`;
      const partHeaders = { ...headers, 'content-length': end - start, 'content-range': contentRange };
      return { status: 206, headers: partHeaders, range: verdict.range };
    }
    case 'unsatisfiable':
      throw new StoreError('range_not_satisfiable', `The file has ${entry.fileSize} bytes.`, {
        context: { file_id: entry.fileId, file_size: entry.fileSize },
      });
  }
}

function contentHeaders(entry: FileEntry, { purpose }: DownloadRequest): DownloadPlan['headers'] {
  const disposition = purpose === 'read' ? readDisposition(entry.contentType) : 'attachment';
  return {
    'accept-ranges': 'bytes',
    'content-type': entry.contentType,
    'content-disposition': contentDisposition(disposition, entry.fileName),
    // A stored file is somebody's data: no browser may guess it into a page, nor let one run in this server's origin.
    'x-content-type-options': 'nosniff',
    'content-security-policy': 'sandbox',
  };
}
