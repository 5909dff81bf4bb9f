/** What stands in stores that are directories, looked at from outside. */
import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';

const KINDS = ['manifests', 'tombstones', 'chunks'] as const;

export type StoreContent = Readonly<Record<(typeof KINDS)[number], Readonly<Record<string, string>>>>;

/** The SHA-256 of every object by its id. */
export async function contentOf(root: string): Promise<StoreContent> {
  const content: Record<string, Record<string, string>> = {};
  for (const kind of KINDS) {
    content[kind] = {};
    for (const path of (await filesIn(join(root, kind))).sort()) {
      const bytes = await readFile(join(root, kind, path)).catch(() => undefined);
      // Gone since it was listed.
      if (bytes === undefined) continue;
      content[kind][path.slice(path.lastIndexOf('/') + 1)] = createHash('sha256').update(bytes).digest('hex');
    }
  }
  return content as StoreContent;
}

/** Every file below a directory, by its path there. */
export async function filesIn(root: string): Promise<string[]> {
  const entries = await readdir(root, { recursive: true, withFileTypes: true }).catch(() => []);
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(root.length + 1));
}

/** The path of the file's manifest, or tombstone, in a store. */
export const recordPath = (root: string, kind: 'manifests' | 'tombstones', fileId: string): string =>
  join(root, kind, fileId.slice(-2), fileId);
