/** Lists files by (name bytes, id), a page at a time. The cursor holds the last file's place and survives its deletion. */
import { StoreError } from '#libs/kernel';
import type { ListPosition } from '#libs/catalog';
import type { FileStoreContext } from './context.js';
import { receiptOf } from './receipt.js';
import type { FileListQuery, FilePage } from './types.js';

/** Throws `invalid_request` for a cursor that this server did not make. */
export function listFiles(context: FileStoreContext, { prefix, limit, cursor }: FileListQuery): FilePage {
  // The empty id sorts before every other, so a file named exactly like the prefix is included.
  const position = cursor === undefined ? { fileName: prefix, fileId: '' } : decodeCursor(cursor);
  // One more than asked for tells whether there is a next page.
  const entries = context.catalog.listFiles(position, limit + 1);
  const matching = entries.filter(({ fileName }) => fileName.startsWith(prefix));
  const files = matching.slice(0, limit);
  const last = files.at(-1);
  const nextCursor = matching.length > limit && last !== undefined ? encodeCursor(last) : undefined;
  return { files: files.map((entry) => receiptOf(context, entry)), nextCursor };
}

function encodeCursor({ fileName, fileId }: ListPosition): string {
  return Buffer.from(JSON.stringify([fileName, fileId])).toString('base64url');
}

function decodeCursor(cursor: string): ListPosition {
  try {
    const [fileName, fileId] = JSON.parse(Buffer.from(cursor, 'base64url').toString('utf8')) as unknown[];
    if (typeof fileName === 'string' && typeof fileId === 'string') return { fileName, fileId };
  } catch {
    // Falls through to the refusal: what it is not does not matter.
  }
  throw new StoreError(
    'invalid_request',
    'The cursor is not one that this server gave out; leave it out to start again.',
    {
      context: { parameter: 'cursor' },
    },
  );
}
