/** `rm`: deletes files. Each is found before the first goes, so that a word that means nothing, or several, deletes none. */
import type { StoredFile } from '#libs/client';
import type { ExitCode } from '#libs/kernel';
import { printJson, printLines } from '../terminal.js';
import { batchExit, failedJson, printFailed, runBatch } from './batch.js';
import { connect, findFile } from './server.js';
import type { ServerOptions } from './server.js';

export async function removeFiles(words: string[], options: ServerOptions, signal: AbortSignal): Promise<ExitCode> {
  const client = connect(options);
  const found = new Map<string, StoredFile>();
  for (const word of words) {
    const file = await findFile(client, word, signal);
    found.set(file.file_id, file);
  }
  const removed: StoredFile[] = [];
  const result = await runBatch(found.values(), {
    parallel: 1,
    signal,
    nameOf: ({ file_id, file_name }) => `${file_id}  ${file_name}`,
    task: async (file) => {
      await client.delete(file.file_id, { signal });
      removed.push(file);
    },
  });
  if (options.json === true) printJson({ files: removed, ...failedJson(result) });
  else printLines(removed.map(({ file_id, file_name }) => `${file_id}  ${file_name}`));
  printFailed(result);
  return batchExit(result);
}
