import { StoreError } from './store-error.js';

export const MAX_FILE_NAME_BYTES = 1024;

// C0 controls, DEL and C1 controls: none can be shown, and CR and LF could split a header.
// eslint-disable-next-line no-control-regex
const CONTROL_CHARACTER = /[\u0000-\u001f\u007f-\u009f]/;

/**
 * A display name: 1 to 1,024 UTF-8 bytes, well-formed, without control characters. `../` is data: a name never becomes a
 * path. Throws `invalid_file_name`.
 */
export function parseFileName(text: string | undefined): string {
  if (text === undefined || text === '') {
    throw new StoreError('invalid_file_name', 'A file needs a name: add ?name=… or a filename to the file part.');
  }
  if (!text.isWellFormed() || CONTROL_CHARACTER.test(text)) {
    throw new StoreError('invalid_file_name', 'A file name is well-formed Unicode without control characters.');
  }
  const sizeBytes = Buffer.byteLength(text);
  if (sizeBytes > MAX_FILE_NAME_BYTES) {
    throw new StoreError('invalid_file_name', `A file name has at most ${MAX_FILE_NAME_BYTES} UTF-8 bytes.`, {
      context: { file_name_bytes: sizeBytes, limit_bytes: MAX_FILE_NAME_BYTES },
    });
  }
  return text;
}
