/** `undelete`: brings deleted files back. A name no longer says which, so only ids do. */
import type { StoredFile } from '#libs/client';
import { parseFileId } from '#libs/kernel';
import type { ExitCode } from '#libs/kernel';
import { printJson, printLines } from '../terminal.js';
import { batchExit, failedJson, printFailed, runBatch } from './batch.js';
import { connect } from './server.js';
import type { ServerOptions } from './server.js';

/** Each id is looked at before the first file comes back, so that a word that is none brings back nothing. */
export async function undeleteFiles(words: string[], options: ServerOptions, signal: AbortSignal): Promise<ExitCode> {
  const client = connect(options);
  const fileIds = new Set(words.map(parseFileId));
  const back: { readonly undeleted: string; readonly file: StoredFile }[] = [];
  const result = await runBatch(fileIds, {
    parallel: 1,
    signal,
    nameOf: (fileId) => fileId,
    task: async (fileId) => void back.push({ undeleted: fileId, file: await client.undelete(fileId, { signal }) }),
  });
  if (options.json === true) {
    printJson({ files: back.map(({ undeleted, file }) => ({ undeleted, ...file })), ...failedJson(result) });
  } else printLines(back.map(({ file }) => `${file.file_id}  ${file.file_name}`));
  printFailed(result);
  return batchExit(result);
}
