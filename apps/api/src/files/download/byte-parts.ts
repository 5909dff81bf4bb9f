/** The body of an answer with several ranges: `multipart/byteranges` (RFC 9110, section 14.6). Pure. */
import type { ByteRange } from '#libs/file-store';

/** A range of the file, and what stands before its bytes in the body: nothing where there is only one. */
export interface BodyPart {
  readonly range: ByteRange;
  readonly head: string;
}

/** What a download sends, in order. */
export interface DownloadBody {
  readonly parts: readonly BodyPart[];
  readonly tail: string;
}

export interface PartedFile {
  readonly contentType: string;
  readonly fileSize: number;
}

export function contentRange({ start, end }: ByteRange, fileSize: number): string {
  return `bytes ${start}-${end - 1}/${fileSize}`;
}

/** Every part says what it is and where it belongs. `boundary` must not occur in the bytes: it is long and random. */
export function multipartBody(ranges: readonly ByteRange[], file: PartedFile, boundary: string): DownloadBody {
  const parts = ranges.map((range, index) => ({
    range,
    head:
      `${index === 0 ? '' : '\r\n'}--${boundary}\r\n` +
      `content-type: ${file.contentType}\r\n` +
      `content-range: ${contentRange(range, file.fileSize)}\r\n\r\n`,
  }));
  return { parts, tail: `\r\n--${boundary}--\r\n` };
}

export function bodyBytes({ parts, tail }: DownloadBody): number {
  const lengths = parts.map(({ range, head }) => Buffer.byteLength(head, 'latin1') + range.end - range.start);
  return lengths.reduce((total, length) => total + length, Buffer.byteLength(tail, 'latin1'));
}
