/** Clients that upload and delete at once until the server dies under them; the model hears of every answer. */
import { randomBytes, randomInt } from 'node:crypto';
import { putRaw } from '../server/file-client.js';
import type { Problem, StoredFile } from '../server/file-client.js';
import { ask } from '../server/http-client.js';
import type { Answer } from '../server/http-client.js';
import type { ClientModel } from './model.js';

const CLIENTS = 8;
/** Inline, up to many chunks of the test installation's size. */
const SMALL_BYTES = 4_000;
const LARGE_BYTES = 200_000;

export interface LoadOptions {
  /** Makes names unique. */
  readonly round: number;
  /** One upload in so many is large. */
  readonly largeOneIn?: number;
  /** One operation in so many is a delete. */
  readonly deleteOneIn?: number;
  /** Whether the disk has failed already: only then may the server refuse what was asked of it. */
  readonly diskIsGone?: () => boolean;
}

export interface LoadResult {
  readonly answered: number;
}

/** Runs until the server is gone. Any refusal while the disk is well is a failure of the server. */
export async function loadUntilDeath(url: string, model: ClientModel, options: LoadOptions): Promise<LoadResult> {
  const { round, largeOneIn = 3, deleteOneIn = 5, diskIsGone = () => false } = options;
  let serial = 0;
  let answered = 0;
  const client = async (): Promise<void> => {
    for (;;) {
      serial += 1;
      const isDelete = randomInt(deleteOneIn) === 0;
      const outcome = isDelete
        ? await deleteOne(url, model)
        : await uploadOne(url, model, { name: `file-${round}-${serial}`, content: randomContent(largeOneIn) });
      if (outcome === 'gone') return;
      if (outcome === 'done') answered += 1;
      else if (!diskIsGone()) throw new Error(`refused: ${outcome.status} ${outcome.body.toString()}`);
    }
  };
  await Promise.all(Array.from({ length: CLIENTS }, client));
  return { answered };
}

/** `gone`: the server is; else the refusal. */
type Outcome = 'done' | 'gone' | Answer;

async function uploadOne(url: string, model: ClientModel, file: { name: string; content: Buffer }): Promise<Outcome> {
  model.uploadBegins(file.name, file.content);
  const answer = await putRaw(url, file).catch(() => undefined);
  if (answer === undefined) return 'gone';
  if (answer.status !== 201) {
    if (promisesNothingHappened(answer)) model.uploadRefused(file.name);
    return answer;
  }
  const stored = parsed<StoredFile>(answer.body);
  // Cut off in the middle of the answer: the client has not learned the id.
  if (stored === undefined) return 'gone';
  model.uploadAnswered(file.name, stored.file_id);
  return 'done';
}

async function deleteOne(url: string, model: ClientModel): Promise<Outcome> {
  const candidates = model.existing();
  const fileId = candidates[randomInt(Math.max(candidates.length, 1))];
  if (fileId === undefined) return 'done';
  model.deleteBegins(fileId);
  const answer = await ask(`${url}/files/${fileId}`, { method: 'DELETE' }).catch(() => undefined);
  if (answer === undefined) return 'gone';
  if (answer.status !== 204) {
    if (promisesNothingHappened(answer)) model.deleteRefused(fileId);
    return answer;
  }
  model.deleteAnswered(fileId);
  return 'done';
}

function promisesNothingHappened({ body }: Answer): boolean {
  const problem = parsed<Problem>(body);
  return problem !== undefined && problem.code !== 'outcome_unknown';
}

function randomContent(largeOneIn: number): Buffer {
  return randomBytes(randomInt(largeOneIn) === 0 ? randomInt(LARGE_BYTES) : randomInt(SMALL_BYTES));
}

function parsed<T>(body: Buffer): T | undefined {
  try {
    return JSON.parse(body.toString('utf8')) as T;
  } catch {
    return undefined;
  }
}
