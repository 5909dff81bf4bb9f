/**
 * What an export knows of earlier ones: the lines of its index. A run that asks for some of the files, or fails on one,
 * learns nothing of the others, so they keep their lines and their paths: a path that is forgotten is given to another
 * file, which then meets bytes that are not its own, in every later run. Pure.
 */
import type { StoredFile } from '#libs/client';
import type { FileId } from '#libs/kernel';
import { ExportPaths } from './export-path.js';
import type { JsonLine } from './json-lines.js';

export type Listed = Pick<StoredFile, 'file_id' | 'file_name' | 'file_size' | 'sha256'>;

export type Exported = Listed & {
  /** From the directory. */
  readonly path: string;
};

/** What became of the listed files of one run; what is in neither has failed. */
export interface Outcome {
  readonly done: ReadonlySet<FileId>;
  /** Deleted on the server since they were listed. */
  readonly gone: ReadonlySet<FileId>;
}

type EarlierLine = JsonLine & { readonly path: string; readonly file_id: FileId; readonly name: string };

export class ExportIndex {
  /** Of several lines of one file the last: a run that was killed has appended it. */
  readonly #earlier: ReadonlyMap<FileId, EarlierLine>;
  readonly #prefix: string;
  /** Those that this run does not ask for. */
  #kept: readonly EarlierLine[] = [];

  constructor(lines: readonly JsonLine[], prefix = '') {
    this.#earlier = new Map(lines.filter(isOfFile).map((line) => [line.file_id, line]));
    this.#prefix = prefix;
  }

  /** A file that an earlier run has written keeps its path, whatever was stored or deleted since. */
  assignPaths(listed: readonly Listed[]): Exported[] {
    const paths = new ExportPaths();
    const others = [...this.#earlier.values()].filter(({ name }) => !name.startsWith(this.#prefix));
    // A path that a file cannot have was put there by somebody else.
    this.#kept = others.filter(({ name, file_id, path }) => paths.assign(name, file_id, path) === path);
    const assigned = new Map<FileId, string>();
    const assign = ({ file_id, file_name }: Listed): void =>
      void assigned.set(file_id, paths.assign(file_name, file_id, this.#earlier.get(file_id)?.path));
    for (const file of listed) if (this.#earlier.has(file.file_id)) assign(file);
    for (const file of listed) if (!this.#earlier.has(file.file_id)) assign(file);
    return listed.map((file) => ({ path: assigned.get(file.file_id)!, ...file }));
  }

  /** The whole index after a run over `files`, which `assignPaths` gave. */
  linesAfter(files: readonly Exported[], { done, gone }: Outcome): JsonLine[] {
    const lines = files.map((file): JsonLine | undefined => {
      if (done.has(file.file_id)) return indexLine(file);
      const before = gone.has(file.file_id) ? undefined : this.#earlier.get(file.file_id);
      return before?.path === file.path ? before : undefined;
    });
    return [...this.#kept, ...lines.filter((line) => line !== undefined)];
  }
}

function isOfFile(line: JsonLine): line is EarlierLine {
  return [line['path'], line['file_id'], line['name']].every((value) => typeof value === 'string');
}

export function indexLine({ path, file_id, file_name, file_size, sha256 }: Exported): JsonLine {
  return { path, file_id, name: file_name, size: file_size, sha256 };
}
