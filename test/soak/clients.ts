/**
 * Clients that upload, read and delete at random while everything under them dies and comes back. What they were promised
 * goes into the model; what breaks a promise, and every refusal that does not say "try again", is a fault.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { ClientModel } from '../crash/model.js';
import type { Problem, StoredFile } from '../server/file-client.js';
import { ask, sha256 } from '../server/http-client.js';
import type { Answer } from '../server/http-client.js';
import { Counts } from './counts.js';
import type { SeededRandom } from './seeded-random.js';

/** Inline, several chunks, many chunks. */
const SMALL_BYTES = 4_000;
const LARGE_BYTES = 200_000;
const HUGE_BYTES = 900_000;
/** Contents that come again and again, so that their chunks are garbage and needed anew all the time. */
const SHARED_CONTENTS = 24;
/** Above it deletes keep the disk from filling. */
const MANY_FILES = 600;
const MAX_PAUSE_MS = 60;
const BETWEEN_TRIES_MS = 200;
/** One upload in so many is left alone behind a try that failed. */
const GIVES_UP_ONE_IN = 30;
/** Refusals that ask for another try. */
const PASSING = new Set(['recovering', 'shutting_down', 'overloaded', 'outcome_unknown', 'idempotency_conflict']);

export interface ClientsOptions {
  readonly model: ClientModel;
  readonly random: SeededRandom;
  /** Where the server is now. */
  readonly url: () => string;
  /** Where the manifest of a file stands on every replica, present or away. */
  readonly isOnEveryReplica: (fileId: string) => Promise<boolean>;
}

export class SoakClients {
  readonly counts = new Counts();
  readonly faults: string[] = [];
  readonly #options: ClientsOptions;
  readonly #shared: readonly Buffer[];
  /** Files that were stored and not deleted by anybody yet, and a few that were. */
  readonly #alive: string[] = [];
  readonly #gone: string[] = [];
  #serial = 0;

  constructor(options: ClientsOptions) {
    this.#options = options;
    const { random } = options;
    this.#shared = Array.from({ length: SHARED_CONTENTS }, () => random.bytes(1 + random.below(LARGE_BYTES)));
  }

  /** Until the signal; what is under way then is ended. */
  async run(clients: number, signal: AbortSignal): Promise<void> {
    await Promise.all(Array.from({ length: clients }, () => this.#client(signal)));
  }

  async #client(signal: AbortSignal): Promise<void> {
    const { random } = this.#options;
    while (!signal.aborted) {
      const draw = random.below(100);
      const isCrowded = this.#alive.length > MANY_FILES;
      if (draw < 40) await this.#read();
      else if (draw < 55 || isCrowded) await this.#delete();
      else await this.#upload(signal);
      await sleep(random.below(MAX_PAUSE_MS));
    }
  }

  async #upload(signal: AbortSignal): Promise<void> {
    const { model, random, url } = this.#options;
    this.#serial += 1;
    const name = `file-${this.#serial}`;
    const body = this.#content();
    const query = random.oneIn(5) ? '&replication=sync' : '';
    model.uploadBegins(name, body);
    for (let isUnknown = false; ;) {
      const path = `/write?name=${name}${query}`;
      const answer = await this.#ask(`${url()}${path}`, { method: 'PUT', body, headers: { 'idempotency-key': name } });
      if (answer?.status === 201 || answer?.status === 202) return this.#stored(name, answer);
      isUnknown ||= answer === undefined || codeOf(answer) === 'outcome_unknown';
      if (answer !== undefined && !this.#isPassing(`upload of ${name}`, answer)) return;
      if (signal.aborted || random.oneIn(GIVES_UP_ONE_IN)) {
        if (!isUnknown) model.uploadRefused(name);
        return this.counts.add(isUnknown ? 'uploads never answered' : 'uploads refused');
      }
      await sleep(BETWEEN_TRIES_MS);
    }
  }

  async #stored(name: string, answer: Answer): Promise<void> {
    const { model, isOnEveryReplica } = this.#options;
    const { file_id: fileId, replication } = answer.json<StoredFile>();
    model.uploadAnswered(name, fileId);
    this.counts.add(`uploads answered ${answer.status} ${replication.mode}`);
    if (replication.mode === 'sync' && answer.status === 201 && !(await isOnEveryReplica(fileId))) {
      this.faults.push(`${fileId} was answered 201 sync and is not on every replica`);
    }
    this.#alive.push(fileId);
  }

  async #read(): Promise<void> {
    const { model, random, url } = this.#options;
    const fileId = random.pick(random.oneIn(5) && this.#gone.length > 0 ? this.#gone : this.#alive);
    if (fileId === undefined) return;
    const before = model.expected(fileId)!;
    const answer = await this.#ask(`${url()}/read/${fileId}`);
    if (answer === undefined) return this.counts.add('reads cut off');
    const after = model.expected(fileId)!;
    if (answer.status === 200) {
      this.counts.add('reads answered 200');
      if (sha256(answer.body) !== before.sha256) this.faults.push(`${fileId} was read with other bytes`);
      if (before.belief === 'deleted') this.faults.push(`${fileId} was read behind its delete`);
    } else if (answer.status === 404) {
      this.counts.add('reads answered 404');
      if (after.belief === 'exists') this.faults.push(`${fileId} exists and was not found`);
    } else if (this.#isPassing(`read of ${fileId}`, answer)) {
      this.counts.add('reads refused');
    }
  }

  async #delete(): Promise<void> {
    const { model, random, url } = this.#options;
    if (this.#alive.length === 0) return;
    const [fileId] = this.#alive.splice(random.below(this.#alive.length), 1) as [string];
    model.deleteBegins(fileId);
    const answer = await this.#ask(`${url()}/files/${fileId}`, { method: 'DELETE' });
    if (answer?.status === 204) {
      model.deleteAnswered(fileId);
      this.#gone.push(fileId);
      return this.counts.add('deletes answered');
    }
    this.counts.add('deletes refused or cut off');
    if (answer === undefined) return;
    if (this.#isPassing(`delete of ${fileId}`, answer) && codeOf(answer) !== 'outcome_unknown') {
      model.deleteRefused(fileId);
      this.#alive.push(fileId);
    }
  }

  /** Undefined where the connection was lost, or never came. */
  async #ask(...[url, request]: Parameters<typeof ask>): Promise<Answer | undefined> {
    return ask(url, request).catch(() => undefined);
  }

  #isPassing(what: string, answer: Answer): boolean {
    const code = codeOf(answer);
    if (PASSING.has(code)) return true;
    this.faults.push(`${what} was answered ${answer.status} ${code}`);
    return false;
  }

  #content(): Buffer {
    const { random } = this.#options;
    if (random.oneIn(4)) return random.pick(this.#shared);
    if (random.oneIn(40)) return random.bytes(random.below(HUGE_BYTES));
    return random.bytes(random.below(random.oneIn(3) ? LARGE_BYTES : SMALL_BYTES));
  }
}

/** What was cut off in the middle says nothing, and is taken for an outcome that is unknown. */
function codeOf({ body }: Answer): string {
  try {
    return (JSON.parse(body.toString('utf8')) as Problem).code;
  } catch {
    return 'outcome_unknown';
  }
}
