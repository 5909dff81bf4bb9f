/**
 * `export`: every file of the server becomes a plain file: the way out, which needs nothing of Holdfast afterwards. Run
 * again, it reads what is there and fetches the rest; another file in the place of one is a difference, and stays as it is.
 */
import { ClientError } from '#libs/client';
import type { HoldfastClient } from '#libs/client';
import type { ExitCode, FileId } from '#libs/kernel';
import { open } from 'node:fs/promises';
import { callersPath } from '../callers-path.js';
import { printJson, printLines } from '../terminal.js';
import { batchExit, failedJson, printFailed, runBatch } from './batch.js';
import type { BatchResult } from './batch.js';
import { ExportDirectory } from './export-directory.js';
import { ExportIndex, indexLine } from './export-index.js';
import type { Exported, Listed, Outcome } from './export-index.js';
import { INDEX_NAME } from './export-path.js';
import { digestOf, fetchFile } from './fetch-file.js';
import { lstatIfThere } from './part-file.js';
import { Progress } from './progress.js';
import type { FileProgress } from './progress.js';
import { connect } from './server.js';
import type { ServerOptions } from './server.js';
import { sizeText } from '#libs/terminal';

export interface ExportOptions extends ServerOptions {
  readonly prefix?: string;
  readonly parallel: number;
}

interface Counts {
  written: number;
  writtenBytes: number;
  present: number;
}

export async function exportFiles(
  [word = '']: string[],
  options: ExportOptions,
  signal: AbortSignal,
): Promise<ExitCode> {
  const client = connect(options);
  // Listed first: a server that does not answer leaves no directory behind.
  const listed = await list(client, options.prefix, signal);
  const { directory, earlier } = await ExportDirectory.open(callersPath(word));
  const index = new ExportIndex(earlier, options.prefix);
  const files = index.assignPaths(listed);
  const exporting = new Exporting(client, directory, signal);
  const progress = new Progress({
    bytes: files.reduce((sum, { file_size }) => sum + file_size, 0),
    files: files.length,
  });
  try {
    const result = await runBatch(files, {
      parallel: options.parallel,
      signal,
      nameOf: ({ path }) => path,
      task: (file) => exporting.file(file, progress.file()),
    });
    if (result.stopped === undefined) await directory.finish(index.linesAfter(files, exporting));
    progress.close();
    return report({ result, files, exporting, path: directory.path }, options);
  } finally {
    progress.close();
    await directory.close();
  }
}

async function list(client: HoldfastClient, prefix: string | undefined, signal: AbortSignal): Promise<Listed[]> {
  const listed: Listed[] = [];
  for await (const { file_id, file_name, file_size, sha256 } of client.list({ prefix, signal })) {
    listed.push({ file_id, file_name, file_size, sha256 });
  }
  return listed;
}

class Exporting implements Outcome {
  readonly counts: Counts = { written: 0, writtenBytes: 0, present: 0 };
  /** There, and verified in this run. */
  readonly done = new Set<FileId>();
  readonly gone = new Set<FileId>();
  readonly #client: HoldfastClient;
  readonly #directory: ExportDirectory;
  readonly #signal: AbortSignal;

  constructor(client: HoldfastClient, directory: ExportDirectory, signal: AbortSignal) {
    this.#client = client;
    this.#directory = directory;
    this.#signal = signal;
  }

  async file(file: Exported, progress: FileProgress): Promise<void> {
    const targetPath = await this.#directory.prepare(file.path);
    if (await this.#isThere(file, targetPath)) {
      this.counts.present += 1;
      progress.present(file.file_size);
    } else if (!(await this.#fetch(file, targetPath, progress))) {
      this.gone.add(file.file_id);
      return;
    }
    await this.#directory.note(indexLine(file));
    this.done.add(file.file_id);
    progress.end();
  }

  /** False where it was deleted meanwhile. */
  async #fetch(file: Exported, targetPath: string, progress: FileProgress): Promise<boolean> {
    const partPath = this.#directory.partPath(file.file_id);
    try {
      const reporting = { onPresent: progress.present, onProgress: progress.at };
      await fetchFile(this.#client, file, { partPath, targetPath, signal: this.#signal, ...reporting });
    } catch (error) {
      if (!ClientError.is(error, 'file_not_found')) throw error;
      await this.#directory.dropPart(file.file_id);
      return false;
    }
    this.counts.written += 1;
    this.counts.writtenBytes += file.file_size;
    return true;
  }

  /** Read, not believed. Throws `content_changed` where something else is in the place of the file. */
  async #isThere({ file_id, sha256, file_size }: Exported, path: string): Promise<boolean> {
    const there = await lstatIfThere(path);
    if (there === undefined) return false;
    if (there.isFile() && there.size === file_size) {
      const content = await open(path, 'r');
      try {
        if ((await digestOf(content, this.#signal)).digest('hex') === sha256) return true;
      } finally {
        await content.close();
      }
    }
    const detail = `${path} is not the file that was to be written there. It was left as it is: move it away and run again.`;
    throw new ClientError({ code: 'content_changed', detail, fileId: file_id });
  }
}

interface Report {
  readonly result: BatchResult;
  readonly files: readonly Exported[];
  readonly exporting: Exporting;
  readonly path: string;
}

function report({ result, files, exporting, path }: Report, { json }: ExportOptions): ExitCode {
  const { written, writtenBytes, present } = exporting.counts;
  const gone = exporting.gone.size;
  const renamed = files.filter((file) => file.path !== file.file_name).length;
  if (json === true) {
    const sums = { files: files.length, written, written_bytes: writtenBytes, present, gone, renamed };
    printJson({ ...sums, directory: path, index: INDEX_NAME, ...failedJson(result) });
  } else {
    printLines([
      `${files.length} files: ${written} written (${sizeText(writtenBytes)}), ${present} were there, ${gone} deleted meanwhile, ${result.failed.length} failed; ${renamed} of them under another path than their name.`,
      `${path}/${INDEX_NAME} says which path is which file.`,
    ]);
  }
  printFailed(result);
  return batchExit(result);
}
