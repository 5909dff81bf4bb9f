/** `stat`: what the server knows of files. */
import type { StoredFile } from '#libs/client';
import type { ExitCode } from '#libs/kernel';
import { printJson, printLines } from '../terminal.js';
import { batchExit, failedJson, printFailed, runBatch } from './batch.js';
import { connect, findFile } from './server.js';
import type { ServerOptions } from './server.js';

export async function statFiles(words: string[], options: ServerOptions, signal: AbortSignal): Promise<ExitCode> {
  const client = connect(options);
  const files: StoredFile[] = [];
  const result = await runBatch(words, {
    parallel: 1,
    signal,
    nameOf: (word) => word,
    task: async (word) => void files.push(await findFile(client, word, signal)),
  });
  if (options.json === true) printJson({ files, ...failedJson(result) });
  else printLines(files.flatMap((file, index) => [...(index === 0 ? [] : ['']), ...described(file)]));
  printFailed(result);
  return batchExit(result);
}

function described(file: StoredFile): string[] {
  const copies = file.replication.stores.map(({ name, state }) => `${name} ${state}`).join(', ');
  const facts: [name: string, value: string][] = [
    ['file_id', file.file_id],
    ['name', file.file_name],
    ['size', `${file.file_size} bytes`],
    ['type', file.content_type],
    ['sha256', file.sha256],
    ['created', new Date(file.created_at).toISOString()],
    ['chunks', `${file.chunk_count} of ${file.chunk_size} bytes`],
    ['record', `LSN ${file.lsn} of log ${file.log_id}`],
    ['replicas', copies === '' ? 'none' : copies],
  ];
  return facts.map(([name, value]) => `${name.padEnd(9)} ${value}`);
}
