/** `import`: every plain file of a directory becomes a file of the server, under its path from there. Run again, it goes on. */
import { ClientError } from '#libs/client';
import type { HoldfastClient } from '#libs/client';
import { StoreError } from '#libs/kernel';
import type { ExitCode } from '#libs/kernel';
import { randomUUID } from 'node:crypto';
import { open, stat } from 'node:fs/promises';
import { callersPath } from '../callers-path.js';
import { printJson, printLines } from '../terminal.js';
import { batchExit, failedJson, printFailed, printSkipped, runBatch } from './batch.js';
import type { BatchResult } from './batch.js';
import { digestOf } from './fetch-file.js';
import { defaultJournalPath, ImportJournal, isInside, isSame } from './import-journal.js';
import type { Stored } from './import-journal.js';
import { Progress } from './progress.js';
import type { FileProgress } from './progress.js';
import { connect } from './server.js';
import type { ServerOptions } from './server.js';
import { sizeText } from '#libs/terminal';
import { walk } from './walk.js';
import type { FoundFile, Walk } from './walk.js';

export interface ImportOptions extends ServerOptions {
  readonly journal?: string;
  /** Read every file again, also where size and time say that it is the same. */
  readonly checksum?: true;
  readonly parallel: number;
}

interface Counts {
  uploaded: number;
  /** Of these, files that an earlier import had stored otherwise. */
  changed: number;
  unchanged: number;
  uploadedBytes: number;
}

export async function importDirectory(
  [word = '']: string[],
  options: ImportOptions,
  signal: AbortSignal,
): Promise<ExitCode> {
  const directory = callersPath(word);
  if ((await stat(directory).catch(() => undefined))?.isDirectory() !== true) {
    throw new StoreError('invalid_request', `${directory} is no directory.`);
  }
  const journalPath = options.journal === undefined ? defaultJournalPath(directory) : callersPath(options.journal);
  if (isInside(journalPath, directory)) {
    throw new StoreError(
      'invalid_request',
      `${journalPath} would be imported itself: --journal names a place outside.`,
    );
  }
  const client = connect(options);
  const found = await walk(directory);
  const journal = await openJournal(journalPath);
  const importing = new Importing(client, journal, { checksum: options.checksum === true, signal });
  const progress = new Progress({ bytes: totalBytes(found), files: found.files.length });
  try {
    const result = await runBatch(found.files, {
      parallel: options.parallel,
      signal,
      nameOf: ({ relativePath }) => relativePath,
      task: (file) => importing.file(file, progress.file()),
    });
    progress.close();
    return report({ result, found, counts: importing.counts, journalPath }, options);
  } finally {
    progress.close();
    await journal.close();
  }
}

async function openJournal(path: string): Promise<ImportJournal> {
  try {
    return await ImportJournal.open(path);
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    const message = `The journal of the import cannot be written (${reason}): say where by --journal.`;
    throw new StoreError('invalid_request', message, { cause });
  }
}

const totalBytes = ({ files }: Walk): number => files.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);

class Importing {
  readonly counts: Counts = { uploaded: 0, changed: 0, unchanged: 0, uploadedBytes: 0 };
  readonly #client: HoldfastClient;
  readonly #journal: ImportJournal;
  readonly #options: { readonly checksum: boolean; readonly signal: AbortSignal };

  constructor(client: HoldfastClient, journal: ImportJournal, options: { checksum: boolean; signal: AbortSignal }) {
    this.#client = client;
    this.#journal = journal;
    this.#options = options;
  }

  async file(file: FoundFile, progress: FileProgress): Promise<void> {
    const stored = this.#journal.stored(file.relativePath);
    if (stored !== undefined && (await this.#isStored(file, stored))) {
      this.counts.unchanged += 1;
      progress.present(file.sizeBytes);
    } else {
      await this.#upload(file, progress);
      if (stored !== undefined) this.counts.changed += 1;
    }
    progress.end();
  }

  async #upload(file: FoundFile, progress: FileProgress): Promise<void> {
    const { signal } = this.#options;
    const idempotencyKey = this.#journal.begunKey(file) ?? randomUUID();
    await this.#journal.begin(file, idempotencyKey);
    const stored = await this.#client.put(
      { path: file.path },
      { name: file.relativePath, idempotencyKey, signal, onProgress: progress.at },
    );
    await this.#journal.end(file, { fileId: stored.file_id, sha256: stored.sha256 });
    this.counts.uploaded += 1;
    this.counts.uploadedBytes += stored.file_size;
  }

  /** The journal says what was sent, the server what is there: a file that was deleted, or is on another server, is sent again. */
  async #isStored(file: FoundFile, stored: Stored): Promise<boolean> {
    if (file.sizeBytes !== stored.sizeBytes) return false;
    const isTouched = !isSame(file, stored);
    if ((isTouched || this.#options.checksum) && (await this.#digest(file)) !== stored.sha256) return false;
    const there = await this.#client.stat(stored.fileId, { signal: this.#options.signal }).catch((error: unknown) => {
      if (ClientError.is(error, 'file_not_found')) return undefined;
      throw error;
    });
    if (there?.sha256 !== stored.sha256) return false;
    if (isTouched) await this.#journal.end(file, stored);
    return true;
  }

  async #digest({ path }: FoundFile): Promise<string> {
    const content = await open(path, 'r');
    try {
      return (await digestOf(content, this.#options.signal)).digest('hex');
    } finally {
      await content.close();
    }
  }
}

interface Report {
  readonly result: BatchResult;
  readonly found: Walk;
  readonly counts: Counts;
  readonly journalPath: string;
}

function report({ result, found, counts, journalPath }: Report, { json }: ImportOptions): ExitCode {
  const { uploaded, changed, unchanged, uploadedBytes } = counts;
  const { skipped } = found;
  if (json === true) {
    const sums = { files: found.files.length, uploaded, changed, unchanged, uploaded_bytes: uploadedBytes };
    printJson({ ...sums, skipped, journal: journalPath, ...failedJson(result) });
  } else {
    printLines([
      `${found.files.length} files: ${uploaded} uploaded (${sizeText(uploadedBytes)}), ${changed} of them changed since an earlier import; ${unchanged} were there; ${result.failed.length} failed; ${skipped.length} skipped.`,
      `What is done is in ${journalPath}; run the command again to go on.`,
    ]);
  }
  printSkipped(skipped);
  printFailed(result);
  return batchExit(result, skipped);
}
