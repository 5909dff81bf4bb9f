/** All files below a directory, in the order of their paths. Links are not followed: they may lead out of it, or round. */
import { systemErrorCode } from '#libs/kernel';
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';

export interface FoundFile {
  readonly path: string;
  /** From the directory, with `/` between its parts on every system. */
  readonly relativePath: string;
  readonly sizeBytes: number;
  readonly modifiedAtMs: number;
}

export interface Walk {
  readonly files: FoundFile[];
  /** Links, sockets, devices, and what could not be looked at. */
  readonly skipped: Skipped[];
}

export interface Skipped {
  /** As in `FoundFile`; for a person, with what the caller named before it. */
  readonly item: string;
  /** Why, to be read behind a "because". */
  readonly reason: string;
}

export async function walk(directory: string): Promise<Walk> {
  const found: Walk = { files: [], skipped: [] };
  await visit(directory, '', found);
  return found;
}

async function visit(directory: string, prefix: string, found: Walk): Promise<void> {
  const entries = await readdir(directory, { withFileTypes: true });
  for (const entry of entries.toSorted((one, other) => (one.name < other.name ? -1 : 1))) {
    const path = join(directory, entry.name);
    const relativePath = `${prefix}${entry.name}`;
    if (entry.isDirectory()) await visit(path, `${relativePath}/`, found);
    else if (!entry.isFile()) found.skipped.push({ item: relativePath, reason: 'it is not a plain file' });
    else await note(path, relativePath, found);
  }
}

async function note(path: string, relativePath: string, found: Walk): Promise<void> {
  try {
    const { size, mtimeMs } = await stat(path);
    found.files.push({ path, relativePath, sizeBytes: size, modifiedAtMs: mtimeMs });
  } catch (error) {
    found.skipped.push({ item: relativePath, reason: reasonOf(error) });
  }
}

function reasonOf(error: unknown): string {
  if (systemErrorCode(error) === 'ENOENT') return 'it is gone, or its name is not UTF-8, by which it cannot be opened';
  return `it cannot be read: ${error instanceof Error ? error.message : String(error)}`;
}
