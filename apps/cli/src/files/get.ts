/** `get`: fetches one file, verified. */
import type { HoldfastClient, StoredFile } from '#libs/client';
import { EXIT, StoreError } from '#libs/kernel';
import type { ExitCode } from '#libs/kernel';
import { once } from 'node:events';
import { open, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { callersPath } from '../callers-path.js';
import { printJson, printLines } from '../terminal.js';
import { plainPath } from './export-path.js';
import { digestOf, fetchFile } from './fetch-file.js';
import { lstatIfThere } from './part-file.js';
import { Progress } from './progress.js';
import { connect, findFile } from './server.js';
import type { ServerOptions } from './server.js';

export interface GetOptions extends ServerOptions {
  readonly output?: string;
  readonly force?: true;
}

const STDOUT = '-';

export async function getFile([word = '']: string[], options: GetOptions, signal: AbortSignal): Promise<ExitCode> {
  if (options.output === STDOUT && options.json === true) {
    throw new StoreError('invalid_request', 'With -o - the file itself is on stdout: leave --json out.');
  }
  const client = connect(options);
  const file = await findFile(client, word, signal);
  const progress = new Progress({ bytes: file.file_size, files: 1 });
  try {
    if (options.output === STDOUT) await toStdout(client, file, signal, progress);
    else await toFile(client, file, { options, signal, progress });
  } finally {
    progress.close();
  }
  return EXIT.done;
}

interface Fetch {
  readonly options: GetOptions;
  readonly signal: AbortSignal;
  readonly progress: Progress;
}

async function toFile(client: HoldfastClient, file: StoredFile, { options, signal, progress }: Fetch): Promise<void> {
  const path = await targetPath(file, options.output);
  const isThere = await standsThere(path, file, { options, signal });
  if (!isThere) {
    const own = progress.file();
    const partPath = `${path}.part`;
    await fetchFile(client, file, { partPath, targetPath: path, signal, onPresent: own.present, onProgress: own.at });
  }
  progress.close();
  if (options.json === true) printJson({ path, ...file });
  else printLines([path]);
}

/** A name is no path: of `../../etc/passwd` only `passwd` is taken, into the caller's directory. */
async function targetPath({ file_name, file_id }: StoredFile, output: string | undefined): Promise<string> {
  const ownName = plainPath(file_name).split('/').at(-1) || file_id;
  if (output === undefined) return callersPath(ownName);
  const path = callersPath(output);
  const isDirectory = (await lstatIfThere(path)) !== undefined && (await stat(path)).isDirectory();
  return isDirectory ? join(path, ownName) : path;
}

/** Whether the file is there already. Throws where another one is, and nobody said that it may go. */
async function standsThere(
  path: string,
  { sha256, file_size }: StoredFile,
  { options, signal }: Pick<Fetch, 'options' | 'signal'>,
): Promise<boolean> {
  const there = await lstatIfThere(path);
  if (there === undefined) return false;
  if (there.isFile() && there.size === file_size) {
    const present = await open(path, 'r');
    try {
      if ((await digestOf(present, signal)).digest('hex') === sha256) return true;
    } finally {
      await present.close();
    }
  }
  if (options.force === true && !there.isDirectory()) return false;
  throw new StoreError('precondition_failed', `${path} is another file. Add --force to replace it, or -o PATH.`);
}

async function toStdout(
  client: HoldfastClient,
  { file_id, sha256 }: StoredFile,
  signal: AbortSignal,
  progress: Progress,
): Promise<void> {
  const own = progress.file();
  const { bytes } = await client.get(file_id, { sha256, signal });
  let doneBytes = 0;
  for await (const piece of bytes) {
    if (!process.stdout.write(piece)) await once(process.stdout, 'drain', { signal });
    own.at((doneBytes += piece.length));
  }
}
