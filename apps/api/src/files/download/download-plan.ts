/** Decides how a download is answered: status, headers and which bytes. Pure; the bytes are sent by response-sink.ts. */
import type { FileEntry } from '#libs/catalog';
import { StoreError } from '#libs/kernel';
import { evaluateConditions, rangeStillValid, validatorsOf } from '../conditions.js';
import type { Conditions, Validators } from '../conditions.js';
import { bodyBytes, contentRange, multipartBody } from './byte-parts.js';
import type { DownloadBody } from './byte-parts.js';
import { contentDisposition, readDisposition } from './disposition.js';
import { parseRange } from './range.js';
import { reprDigest } from './repr-digest.js';

export interface DownloadRequest {
  /** The route: `read` shows in place what is safe to show, `download` saves. */
  readonly purpose: 'download' | 'read';
  readonly method: string;
  readonly conditions: Conditions;
  readonly range: string | undefined;
  readonly ifRange: string | undefined;
  readonly wantReprDigest: string | undefined;
  readonly nowMs: number;
  /** For an answer in parts; random, so that nobody can store bytes that contain it. */
  readonly boundary: () => string;
}

type Headers = Readonly<Record<string, string | number>>;

export interface DownloadPlan {
  readonly status: 200 | 206 | 304;
  readonly headers: Headers;
  readonly body: DownloadBody;
}

const NO_BODY: DownloadBody = { parts: [], tail: '' };

/** Throws `precondition_failed` and `range_not_satisfiable`. The order of the checks is that of RFC 9110, section 13.2.2. */
export function planDownload(entry: FileEntry, request: DownloadRequest): DownloadPlan {
  const validators = validatorsOf(entry);
  const caching = {
    etag: validators.etag,
    // The bytes never change, but the file can be deleted, and a shared cache must not hand it to others.
    'cache-control': 'private, no-cache',
  };
  // Section 15.4.5: what the client has need not be described to it again.
  if (evaluateConditions(request, validators) === 'not_modified')
    return { status: 304, headers: caching, body: NO_BODY };
  const headers = { ...caching, ...contentHeaders(entry, request, validators) };
  if (request.method === 'HEAD') {
    // Section 14.2: Range is defined for GET alone.
    return { status: 200, headers: { ...headers, 'content-length': entry.fileSize }, body: NO_BODY };
  }
  const isRangeValid = rangeStillValid(request.ifRange, validators, request.nowMs);
  return planBody(entry, headers, { ...request, range: isRangeValid ? request.range : undefined });
}

/**
 * A part that is not there is refused also where If-Range holds (section 14.2; 13.2.2 can be read either way): a client that
 * resumes a download at its end learns that it has everything, and is not sent all of it again.
 */
function planBody(entry: FileEntry, headers: Headers, { range, boundary }: DownloadRequest): DownloadPlan {
  const verdict = parseRange(range, entry.fileSize);
  switch (verdict.kind) {
    case 'whole': {
      const body = { parts: [{ range: { start: 0, end: entry.fileSize }, head: '' }], tail: '' };
      return { status: 200, headers: { ...headers, 'content-length': entry.fileSize }, body };
    }
    case 'parts': {
      const [only, second] = verdict.ranges;
      if (only !== undefined && second === undefined) {
        const place = { 'content-length': only.end - only.start, 'content-range': contentRange(only, entry.fileSize) };
        return {
          status: 206,
          headers: { ...headers, ...place },
          body: { parts: [{ range: only, head: '' }], tail: '' },
        };
      }
      const separator = boundary();
      const body = multipartBody(verdict.ranges, entry, separator);
      const type = { 'content-type': `multipart/byteranges; boundary=${separator}`, 'content-length': bodyBytes(body) };
      return { status: 206, headers: { ...headers, ...type }, body };
    }
    case 'unsatisfiable':
      throw new StoreError('range_not_satisfiable', `The file has ${entry.fileSize} bytes.`, {
        context: { file_id: entry.fileId, file_size: entry.fileSize },
      });
  }
}

function contentHeaders(entry: FileEntry, request: DownloadRequest, { lastModified }: Validators): Headers {
  const disposition = request.purpose === 'read' ? readDisposition(entry.contentType) : 'attachment';
  return {
    'last-modified': lastModified,
    'accept-ranges': 'bytes',
    ...reprDigest(entry.sha256, request.wantReprDigest),
    'content-type': entry.contentType,
    'content-disposition': contentDisposition(disposition, entry.fileName),
    // A stored file is somebody's data: no browser may guess it into a page, nor let one run in this server's origin.
    'x-content-type-options': 'nosniff',
    'content-security-policy': 'sandbox',
  };
}
