/** The directory of an export: every path is made below it, and no link leads out of it. */
import { StoreError, systemErrorCode } from '#libs/kernel';
import { mkdir, open, rename, rm, rmdir } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import { INDEX_NAME, PARTIAL_NAME } from './export-path.js';
import { openJsonLines, readJsonLines } from './json-lines.js';
import type { JsonLine } from './json-lines.js';
import { lstatIfThere } from './part-file.js';

export class ExportDirectory {
  readonly path: string;
  readonly #index: FileHandle;
  /** Known to be directories and no links. */
  readonly #sound = new Set<string>();

  private constructor(path: string, index: FileHandle) {
    this.path = path;
    this.#index = index;
  }

  /** Makes it where it is not there; answers with what an earlier run has written into its index, too. */
  static async open(path: string): Promise<{ directory: ExportDirectory; earlier: JsonLine[] }> {
    await mkdir(path, { recursive: true });
    const indexPath = join(path, INDEX_NAME);
    await assertPlain(indexPath);
    const earlier = await readJsonLines(indexPath);
    const directory = new ExportDirectory(path, await openJsonLines(indexPath));
    await directory.#makeDirectory(PARTIAL_NAME);
    return { directory, earlier };
  }

  partPath(fileId: string): string {
    return join(this.path, PARTIAL_NAME, `${fileId}.part`);
  }

  async dropPart(fileId: string): Promise<void> {
    await rm(this.partPath(fileId), { force: true });
  }

  /** Where the file goes; all directories on the way are there. Throws `invalid_request` where something is in the way. */
  async prepare(relativePath: string): Promise<string> {
    const parts = relativePath.split('/');
    for (let depth = 1; depth < parts.length; depth += 1) await this.#makeDirectory(parts.slice(0, depth).join('/'));
    return join(this.path, ...parts);
  }

  /** One line, so that a run that is killed has an index of what it did. */
  async note(line: JsonLine): Promise<void> {
    await this.#index.appendFile(`${JSON.stringify(line)}\n`);
  }

  /** The index as it is in the end, whole or not at all. */
  async finish(lines: readonly JsonLine[]): Promise<void> {
    const draft = join(this.path, PARTIAL_NAME, INDEX_NAME);
    await rm(draft, { force: true });
    const file = await open(draft, 'wx');
    try {
      for (const line of lines) await file.appendFile(`${JSON.stringify(line)}\n`);
      await file.datasync();
    } finally {
      await file.close();
    }
    await rename(draft, join(this.path, INDEX_NAME));
  }

  async close(): Promise<void> {
    await this.#index.close();
    try {
      await rmdir(join(this.path, PARTIAL_NAME));
    } catch (error) {
      // Parts are kept for the next run.
      if (!['ENOTEMPTY', 'EEXIST', 'ENOENT'].includes(systemErrorCode(error) ?? '')) throw error;
    }
  }

  async #makeDirectory(relativePath: string): Promise<void> {
    if (this.#sound.has(relativePath)) return;
    const path = join(this.path, relativePath);
    try {
      await mkdir(path);
    } catch (error) {
      if (systemErrorCode(error) !== 'EEXIST') throw error;
      if ((await lstatIfThere(path))?.isDirectory() !== true) {
        throw new StoreError('invalid_request', `${path} is in the way: it is no directory of its own.`);
      }
    }
    this.#sound.add(relativePath);
  }
}

async function assertPlain(path: string): Promise<void> {
  const there = await lstatIfThere(path);
  if (there === undefined || there.isFile()) return;
  throw new StoreError('invalid_request', `${path} is in the way: it is not a plain file.`);
}
