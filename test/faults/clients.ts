/** Clients that know what they were answered, and ask for all of it again. */
import { setTimeout as sleep } from 'node:timers/promises';
import { putRaw } from '../server/file-client.js';
import type { Problem, StoredFile } from '../server/file-client.js';
import { ask, testBytes } from '../server/http-client.js';
import type { Answer } from '../server/http-client.js';
import { INLINE_MAX } from '../server/installation.js';

/** A fault that has passed must have been noticed within this; the retries of apply are 5 s apart at most. */
const PATIENCE_MS = 20_000;
const POLL_MS = 50;
/** Uploads at once, so that refusals meet batches and not single records. */
const WAVE = 8;
const MAX_WAVES = 200;

export class Clients {
  readonly #contentOf: (serial: number) => Buffer;
  /** By file id, what was acknowledged. */
  readonly kept = new Map<string, Buffer>();
  /** By file id, what may be stored or not. */
  readonly unknown = new Map<string, Buffer>();
  /** Names that were refused: promised not to be stored. */
  readonly refused: string[] = [];
  /** Every refusal that was met, as status and code. */
  readonly refusals = new Set<string>();
  #serial = 0;

  constructor(contentOf: (serial: number) => Buffer) {
    this.#contentOf = contentOf;
  }

  /** One upload, and what is to be believed of it. */
  async upload(url: string, contentOf = this.#contentOf): Promise<Answer> {
    this.#serial += 1;
    const [name, content] = [`file-${this.#serial}`, contentOf(this.#serial)];
    const answer = await putRaw(url, { name, content });
    if (answer.status === 201) {
      this.kept.set(answer.json<StoredFile>().file_id, content);
      return answer;
    }
    this.refusals.add(refusal(answer));
    const { code, file_id: fileId } = answer.json<Problem & { file_id?: string }>();
    if (code !== 'outcome_unknown') this.refused.push(name);
    else if (fileId === undefined) throw new Error('an unknown outcome came without the id to ask for');
    else this.unknown.set(fileId, content);
    return answer;
  }

  async uploads(url: string, count: number): Promise<Answer[]> {
    return Promise.all(Array.from({ length: count }, () => this.upload(url)));
  }

  /** Uploads, several at once, until all of a wave are refused. */
  async uploadUntilRefused(url: string): Promise<void> {
    for (let wave = 1; wave <= MAX_WAVES; wave += 1) {
      const answers = await this.uploads(url, WAVE);
      if (answers.every(({ status }) => status !== 201)) return;
    }
    throw new Error(`none of ${MAX_WAVES} waves of uploads was refused`);
  }

  /** Uploads until one is acknowledged, because the fault has passed; nobody restarts the server. */
  async uploadUntilStored(url: string): Promise<StoredFile> {
    return eventually(async () => {
      const answer = await this.upload(url);
      return answer.status === 201 ? answer.json<StoredFile>() : describeAnswer(answer);
    });
  }

  /** Everything that breaks a promise about these files, where `unknown` ones may be whole or absent. */
  async brokenPromises(url: string): Promise<string[]> {
    const broken = await unreadable(url, this.kept);
    for (const [fileId, content] of this.unknown) {
      const answer = await ask(`${url}/read/${fileId}`);
      if (answer.status !== 404 && !isWhole(answer, content)) broken.push(`${fileId}: ${describeAnswer(answer)}`);
    }
    const { files } = (await ask(`${url}/files?limit=1000`)).json<{ files: StoredFile[] }>();
    const refused = new Set(this.refused);
    for (const { file_name: name } of files) if (refused.has(name)) broken.push(`${name} was refused and is listed`);
    return broken;
  }
}

/** What of the given files cannot be read back as it was sent. */
export async function unreadable(url: string, files: ReadonlyMap<string, Buffer>): Promise<string[]> {
  const broken: string[] = [];
  for (const [fileId, content] of files) {
    const answer = await ask(`${url}/read/${fileId}`);
    if (!isWhole(answer, content)) broken.push(`${fileId}: ${describeAnswer(answer)}`);
  }
  return broken;
}

function isWhole({ status, body }: Answer, content: Buffer): boolean {
  return status === 200 && body.equals(content);
}

/** Asks until the answer is no text; a text says what is still wrong, and is told when patience ends. */
export async function eventually<Found>(look: () => Promise<Found | string>): Promise<Found> {
  const deadline = performance.now() + PATIENCE_MS;
  for (;;) {
    const found = await look();
    if (typeof found !== 'string') return found;
    if (performance.now() > deadline) throw new Error(`still wrong after ${PATIENCE_MS} ms: ${found}`);
    await sleep(POLL_MS);
  }
}

/** Status and code of a refusal, where it has the form of one. */
export function refusal(answer: Answer): string {
  const { headers, status } = answer;
  if (headers['content-type'] !== 'application/problem+json') return `${status} without a problem`;
  return `${status} ${answer.json<Problem>().code}`;
}

export async function reasonsNotReady(url: string): Promise<string[]> {
  return (await ask(`${url}/ready`)).json<{ reasons: string[] }>().reasons;
}

/** Uploads until a checkpoint has been taken that covers all that is acknowledged now. */
export async function checkpointTaken(url: string, clients: Clients): Promise<void> {
  const { lsn } = await clients.uploadUntilStored(url);
  await eventually(async () => {
    // A segment that is full asks for one.
    for (let count = 0; count < WAVE; count += 1) await clients.upload(url, largeInline);
    const { checkpoint_lsn: checkpoint } = (await ask(`${url}/admin/wal/segments`)).json<{ checkpoint_lsn: number }>();
    return checkpoint >= lsn ? true : `the checkpoint is at LSN ${checkpoint}, and ${lsn} is stored`;
  });
}

/** The most that a record can hold here. */
function largeInline(serial: number): Buffer {
  return testBytes(INLINE_MAX, serial);
}

export function describeAnswer({ status, body }: Answer): string {
  return `${status} ${body.toString('utf8').slice(0, 500)}`;
}
