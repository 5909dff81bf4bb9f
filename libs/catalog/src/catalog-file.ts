/**
 * Whose file stands at the catalog's path. SQLite would add our tables to any database, and a rebuild would move any
 * other file aside; so before either, the file's first bytes must say that it is a catalog of ours.
 */
import type { FileSystem } from '#libs/durable-fs';
import { isZero, StoreError } from '#libs/kernel';

/** SQLite's `application_id`: "HOLD" in ASCII (https://www.sqlite.org/fileformat.html, section 1.3). */
export const APPLICATION_ID = 0x484f4c44;

const MAGIC = Buffer.from('SQLite format 3\0', 'latin1');
const APPLICATION_ID_OFFSET = 68;
const HEADER_BYTES = 100;

/** Zeros are nobody's data and what a power cut may leave of ours. `false` where nothing stands there. Throws `setting_invalid` where something else than a catalog does. */
export async function catalogExists(fs: FileSystem, path: string): Promise<boolean> {
  if ((await fs.stat(path)) === undefined) return false;
  const file = await fs.openRead(path);
  try {
    const header = Buffer.alloc(HEADER_BYTES);
    await file.read(header, 0);
    if (isOurs(header) || isZero(header)) return true;
  } finally {
    await file.close();
  }
  throw new StoreError(
    'setting_invalid',
    `DATABASE_URL names ${path}, which is no catalog of Holdfast. Name another file; or, if it was the catalog and is damaged, move it away: a new one is built from the log and the primary.`,
    { context: { setting: 'DATABASE_URL', path } },
  );
}

function isOurs(header: Buffer): boolean {
  return (
    header.subarray(0, MAGIC.length).equals(MAGIC) && header.readUInt32BE(APPLICATION_ID_OFFSET) === APPLICATION_ID
  );
}
