/**
 * What an import has done, so that the next one goes on there. A line before an upload keeps the key under which it is sent:
 * a server that knows such keys stores it once although an interrupted import sends it again. A line after it says what was
 * stored. The last line of a path counts.
 */
import { isFileId } from '#libs/kernel';
import type { FileId } from '#libs/kernel';
import type { FileHandle } from 'node:fs/promises';
import { basename, dirname, join, relative, sep } from 'node:path';
import { openJsonLines, readJsonLines } from './json-lines.js';
import type { JsonLine } from './json-lines.js';
import type { FoundFile } from './walk.js';

/** A file as it was when the line was written. */
interface Seen {
  readonly sizeBytes: number;
  readonly modifiedAtMs: number;
}

export interface Begun extends Seen {
  readonly key: string;
}

export interface Stored extends Seen {
  readonly fileId: FileId;
  readonly sha256: string;
}

export class ImportJournal {
  readonly #file: FileHandle;
  readonly #begun = new Map<string, Begun>();
  readonly #stored = new Map<string, Stored>();

  private constructor(file: FileHandle, lines: readonly JsonLine[]) {
    this.#file = file;
    for (const line of lines) this.#read(line);
  }

  static async open(path: string): Promise<ImportJournal> {
    const lines = await readJsonLines(path);
    return new ImportJournal(await openJsonLines(path), lines);
  }

  /** What is stored of this path. */
  stored(path: string): Stored | undefined {
    return this.#stored.get(path);
  }

  /** The key of an upload of this very file that was begun and may be stored. */
  begunKey(file: FoundFile): string | undefined {
    const begun = this.#begun.get(file.relativePath);
    return begun !== undefined && isSame(begun, file) ? begun.key : undefined;
  }

  async begin(file: FoundFile, key: string): Promise<void> {
    await this.#append({ ...lineOf(file), key });
  }

  async end(file: FoundFile, { fileId, sha256 }: Pick<Stored, 'fileId' | 'sha256'>): Promise<void> {
    await this.#append({ ...lineOf(file), file_id: fileId, sha256 });
  }

  async close(): Promise<void> {
    await this.#file.close();
  }

  async #append(line: JsonLine): Promise<void> {
    await this.#file.appendFile(`${JSON.stringify(line)}\n`);
    this.#read(line);
  }

  #read({ path, size, modified_at, key, file_id, sha256 }: JsonLine): void {
    if (typeof path !== 'string') return;
    const seen = { sizeBytes: Number(size), modifiedAtMs: Number(modified_at) };
    if (typeof key === 'string') this.#begun.set(path, { ...seen, key });
    if (typeof file_id !== 'string' || !isFileId(file_id)) return;
    this.#begun.delete(path);
    this.#stored.set(path, { ...seen, fileId: file_id, sha256: String(sha256) });
  }
}

function lineOf({ relativePath, sizeBytes, modifiedAtMs }: FoundFile): JsonLine {
  return { path: relativePath, size: sizeBytes, modified_at: modifiedAtMs };
}

export function isSame(one: Seen, other: Seen): boolean {
  return one.sizeBytes === other.sizeBytes && one.modifiedAtMs === other.modifiedAtMs;
}

/** Beside the directory, so that the next import does not find it there. */
export function defaultJournalPath(directory: string): string {
  return join(dirname(directory), `.${basename(directory)}.holdfast-import.jsonl`);
}

export function isInside(path: string, directory: string): boolean {
  const way = relative(directory, path);
  return way === '' || (way !== '..' && !way.startsWith(`..${sep}`));
}
