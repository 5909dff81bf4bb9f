/** `put`: files, directories and stdin become files of the server. */
import type { HoldfastClient, StoredFile, UploadSource } from '#libs/client';
import { StoreError, systemErrorCode } from '#libs/kernel';
import type { ExitCode } from '#libs/kernel';
import { stat } from 'node:fs/promises';
import { basename } from 'node:path';
import { callersPath } from '../callers-path.js';
import { printJson, printLines } from '../terminal.js';
import { batchExit, failedJson, printFailed, printSkipped, runBatch } from './batch.js';
import { Progress } from './progress.js';
import { connect } from './server.js';
import type { ServerOptions } from './server.js';
import { walk } from './walk.js';
import type { Skipped } from './walk.js';

export interface PutOptions extends ServerOptions {
  readonly name?: string;
  readonly type?: string;
  readonly parallel: number;
}

interface Item {
  /** What the caller knows it by. */
  readonly path: string;
  readonly name: string;
  readonly source: UploadSource;
  readonly sizeBytes: number | undefined;
}

interface Collected {
  readonly items: Item[];
  readonly skipped: Skipped[];
}

const STDIN = '-';

export async function putFiles(words: string[], options: PutOptions, signal: AbortSignal): Promise<ExitCode> {
  const client = connect(options);
  const { items, skipped } = await collect(words, options.name);
  const stored: { path: string; file: StoredFile }[] = [];
  const result = await transfer(client, items, {
    options,
    signal,
    onStored: (path, file) => stored.push({ path, file }),
  });
  if (options.json === true) {
    printJson({ files: stored.map(({ path, file }) => ({ path, ...file })), skipped, ...failedJson(result) });
  } else {
    printLines(stored.map(({ file }) => `${file.file_id}  ${file.file_name}`));
  }
  printSkipped(skipped);
  printFailed(result);
  return batchExit(result, skipped);
}

interface Transfer {
  readonly options: PutOptions;
  readonly signal: AbortSignal;
  readonly onStored: (path: string, file: StoredFile) => void;
}

async function transfer(client: HoldfastClient, items: readonly Item[], { options, signal, onStored }: Transfer) {
  const sizes = items.map(({ sizeBytes }) => sizeBytes);
  const totalBytes = sizes.reduce((sum, size) => (sum === undefined || size === undefined ? undefined : sum + size), 0);
  const progress = new Progress({ bytes: totalBytes, files: items.length });
  try {
    return await runBatch(items, {
      parallel: options.parallel,
      signal,
      nameOf: ({ path }) => path,
      task: async ({ path, name, source }) => {
        const own = progress.file();
        onStored(path, await client.put(source, { name, contentType: options.type, signal, onProgress: own.at }));
        own.end();
      },
    });
  } finally {
    progress.close();
    // Whoever writes to it may never end, and an open stdin would keep the process.
    if (items.some(({ path }) => path === STDIN)) process.stdin.destroy();
  }
}

/** Throws `invalid_request`, and what the file system says of a path that the caller named. */
async function collect(words: readonly string[], name: string | undefined): Promise<Collected> {
  if (name !== undefined && words.length > 1) throw usage('--name is for one path; leave it out, or name one path.');
  const collected: Collected = { items: [], skipped: [] };
  for (const word of words) {
    if (word === STDIN) collected.items.push(stdinItem(words, name));
    else await addPath(word, name, collected);
  }
  return collected;
}

function stdinItem(words: readonly string[], name: string | undefined): Item {
  if (words.filter((word) => word === STDIN).length > 1) throw usage('stdin (-) can be stored once.');
  if (name === undefined) throw usage('What comes on stdin needs a name: add --name NAME.');
  return { path: STDIN, name, source: { stream: process.stdin as AsyncIterable<Buffer> }, sizeBytes: undefined };
}

async function addPath(word: string, name: string | undefined, { items, skipped }: Collected): Promise<void> {
  const path = callersPath(word);
  const stats = await stat(path).catch((error: unknown) => {
    throw systemErrorCode(error) === 'ENOENT' ? usage(`There is no ${path}.`) : error;
  });
  if (stats.isFile()) {
    items.push({ path: word, name: name ?? basename(path), source: { path }, sizeBytes: stats.size });
    return;
  }
  if (!stats.isDirectory())
    throw usage(`${word} is neither a file nor a directory; store what it gives by - and --name.`);
  const folder = name ?? basename(path);
  const found = await walk(path);
  const shownFolder = word.replace(/\/+$/, '');
  for (const { item, reason } of found.skipped) skipped.push({ item: `${shownFolder}/${item}`, reason });
  for (const file of found.files) {
    const shownPath = `${shownFolder}/${file.relativePath}`;
    const fullName = folder === '' ? file.relativePath : `${folder}/${file.relativePath}`;
    items.push({ path: shownPath, name: fullName, source: { path: file.path }, sizeBytes: file.sizeBytes });
  }
}

function usage(message: string): StoreError {
  return new StoreError('invalid_request', message);
}
