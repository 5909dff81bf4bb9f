/** `ls`: the files of the server, by name. */
import type { StoredFile } from '#libs/client';
import { EXIT } from '#libs/kernel';
import type { ExitCode } from '#libs/kernel';
import { once } from 'node:events';
import { printJson } from '../terminal.js';
import { connect } from './server.js';
import type { ServerOptions } from './server.js';

export interface ListOptions extends ServerOptions {
  readonly prefix?: string;
  readonly long?: true;
}

export async function listFiles(_words: string[], options: ListOptions, signal: AbortSignal): Promise<ExitCode> {
  const files = connect(options).list({ prefix: options.prefix, signal });
  if (options.json === true) {
    const found: StoredFile[] = [];
    for await (const file of files) found.push(file);
    printJson({ files: found });
    return EXIT.done;
  }
  for await (const file of files) {
    // Printed as it comes, however long the list is.
    if (!process.stdout.write(`${options.long === true ? longLine(file) : shortLine(file)}\n`)) {
      await once(process.stdout, 'drain');
    }
  }
  return EXIT.done;
}

const SIZE_COLUMNS = 12;

function shortLine({ file_id, file_name }: StoredFile): string {
  return `${file_id}  ${file_name}`;
}

function longLine({ file_id, file_name, file_size, created_at, sha256 }: StoredFile): string {
  const time = new Date(created_at).toISOString();
  return `${file_id}  ${String(file_size).padStart(SIZE_COLUMNS)}  ${time}  ${sha256}  ${file_name}`;
}
