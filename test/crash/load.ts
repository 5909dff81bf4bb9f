/** Clients that upload and delete at once until the server dies under them; the model hears of every answer. */
import { randomBytes, randomInt } from 'node:crypto';
import { putRaw } from '../server/file-client.js';
import type { StoredFile } from '../server/file-client.js';
import { ask } from '../server/http-client.js';
import type { ClientModel } from './model.js';

const CLIENTS = 8;
/** Inline, up to many chunks of the test installation's size. */
const SMALL_BYTES = 4_000;
const LARGE_BYTES = 200_000;

export interface LoadResult {
  readonly answered: number;
}

/** Runs until the server is gone. `round` makes names unique. */
export async function loadUntilDeath(url: string, model: ClientModel, round: number): Promise<LoadResult> {
  let serial = 0;
  let answered = 0;
  const client = async (): Promise<void> => {
    for (;;) {
      serial += 1;
      const isDelete = randomInt(5) === 0;
      const done = isDelete ? await deleteOne(url, model) : await uploadOne(url, model, `file-${round}-${serial}`);
      if (!done) return;
      answered += 1;
    }
  };
  await Promise.all(Array.from({ length: CLIENTS }, client));
  return { answered };
}

/** False where the server is gone. An answer other than the expected one is a failure of the test itself. */
async function uploadOne(url: string, model: ClientModel, name: string): Promise<boolean> {
  const content = randomBytes(randomInt(3) === 0 ? randomInt(LARGE_BYTES) : randomInt(SMALL_BYTES));
  model.uploadBegins(name, content);
  const answer = await putRaw(url, { name, content }).catch(() => undefined);
  if (answer === undefined) return false;
  if (answer.status !== 201) throw new Error(`an upload was answered ${answer.status}: ${answer.body.toString()}`);
  const stored = parsed<StoredFile>(answer.body);
  // Cut off in the middle of the answer: the client has not learned the id.
  if (stored === undefined) return false;
  model.uploadAnswered(name, stored.file_id);
  return true;
}

async function deleteOne(url: string, model: ClientModel): Promise<boolean> {
  const candidates = model.existing();
  const fileId = candidates[randomInt(Math.max(candidates.length, 1))];
  if (fileId === undefined) return true;
  model.deleteBegins(fileId);
  const answer = await ask(`${url}/files/${fileId}`, { method: 'DELETE' }).catch(() => undefined);
  if (answer === undefined) return false;
  if (answer.status !== 204) throw new Error(`a delete was answered ${answer.status}: ${answer.body.toString()}`);
  model.deleteAnswered(fileId);
  return true;
}

function parsed<T>(body: Buffer): T | undefined {
  try {
    return JSON.parse(body.toString('utf8')) as T;
  } catch {
    return undefined;
  }
}
