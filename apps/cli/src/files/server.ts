/** Which server a command talks to, and which of its files a word means. */
import { ClientError, HoldfastClient } from '#libs/client';
import type { StoredFile } from '#libs/client';
import { isFileId, StoreError } from '#libs/kernel';
import type { FileId } from '#libs/kernel';
import type { OutputOptions } from '../terminal.js';

export interface ServerOptions extends OutputOptions {
  readonly url?: string;
}

export const DEFAULT_URL = 'http://127.0.0.1:8080';

/** More files of one name than anybody reads. */
const MAX_NAMESAKES_TOLD = 10;

/** The key comes from the environment alone: a command line is seen by every user of the machine. Throws `setting_invalid`. */
export function connect({ url }: ServerOptions): HoldfastClient {
  const { HOLDFAST_URL, HOLDFAST_API_KEY } = process.env;
  const apiKey = HOLDFAST_API_KEY === '' ? undefined : HOLDFAST_API_KEY;
  return new HoldfastClient({ url: url ?? (HOLDFAST_URL || DEFAULT_URL), apiKey });
}

/** The file with this id, or the only one with this name. Throws `file_not_found`, and `invalid_request` where it is not clear. */
export async function findFile(client: HoldfastClient, word: string, signal: AbortSignal): Promise<StoredFile> {
  const id = word.toLowerCase();
  if (isFileId(id)) {
    const file = await statIfThere(client, id, signal);
    if (file !== undefined) return file;
  }
  const namesakes: StoredFile[] = [];
  for await (const file of client.list({ prefix: word, pageSize: MAX_NAMESAKES_TOLD + 1, signal })) {
    // The list is by name: the names that are the prefix itself come first.
    if (file.file_name !== word || namesakes.length > MAX_NAMESAKES_TOLD) break;
    namesakes.push(file);
  }
  if (namesakes.length === 1) return namesakes[0]!;
  if (namesakes.length === 0) {
    throw new StoreError('file_not_found', `There is no file with the id or the name ${JSON.stringify(word)}.`);
  }
  const ids = namesakes.slice(0, MAX_NAMESAKES_TOLD).map(({ file_id }) => file_id);
  const told = `${ids.join(', ')}${namesakes.length > MAX_NAMESAKES_TOLD ? ' …' : ''}`;
  throw new StoreError('invalid_request', `Several files have the name ${JSON.stringify(word)}; say which: ${told}.`);
}

async function statIfThere(client: HoldfastClient, id: FileId, signal: AbortSignal): Promise<StoredFile | undefined> {
  try {
    return await client.stat(id, { signal });
  } catch (error) {
    if (ClientError.is(error, 'file_not_found')) return undefined;
    throw error;
  }
}
