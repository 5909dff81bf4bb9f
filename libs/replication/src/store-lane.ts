/**
 * One store as replication sees it: what is in flight to it, whether it may be asked for more, and how it fares. All of it
 * is in memory: after a restart nothing is in flight, and what was is handed out again.
 */
import type { Job, JobError } from '#libs/job-queue';
import { MAX_JOB_ITEMS } from '#libs/job-queue';
import type { FileId, StoreId } from '#libs/kernel';
import { allowance, CLOSED, handedOut, hopeful, jobLost, storeFailed, timePassed } from './circuit-breaker.js';
import type { Breaker } from './circuit-breaker.js';
import { DoubtedFiles } from './doubted-files.js';
import type { ReplicaError, ReplicaState } from './types.js';

/** In flight to one store at any time. */
const MAX_JOBS_PER_STORE = 2;
/** A store that fails for this long is offline. */
const OFFLINE_AFTER_MS = 10_000;
/** What is behind its deadline for this long is not coming back: workers leave the rest of a job undone at its deadline. */
const LOST_AFTER_MS = 10_000;
/**
 * What was not answered for this long is offered to the queue once more. One that has the job takes no second one of its
 * id; one that has forgotten it, such as a Redis that was emptied, takes it, long before the deadline would.
 */
const OFFERED_AGAIN_AFTER_MS = 10_000;

const JOB_LOST: JobError = {
  code: 'job_lost',
  message: 'No worker answered a job in time; it is handed out again. Is a worker running, or does one die of it?',
};

interface JobInFlight {
  readonly job: Job;
  /** When the queue took it; undefined until it has, or where it is to be asked once more. */
  queuedAtMs: number | undefined;
}

export interface Capacity {
  readonly jobs: number;
  readonly items: number;
}

const NO_CAPACITY: Capacity = { jobs: 0, items: 0 };

export class StoreLane {
  readonly storeId: StoreId;
  readonly doubts = new DoubtedFiles();
  readonly #random: () => number;
  readonly #jobs = new Map<string, JobInFlight>();
  readonly #files = new Map<FileId, string>();
  #breaker: Breaker = CLOSED;
  #isForeign = false;
  #itemsFail = false;
  #lastSuccessAtMs: number | undefined;
  #lastAnswerAtMs: number | undefined;
  #lastError: ReplicaError | undefined;

  constructor(storeId: StoreId, random: () => number) {
    this.storeId = storeId;
    this.#random = random;
  }

  /** Files in flight. */
  get files(): ReadonlyMap<FileId, string> {
    return this.#files;
  }

  /** Of the files in flight. */
  get bytesInFlight(): number {
    const items = [...this.#jobs.values()].flatMap(({ job }) => job.items);
    return items.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
  }

  get lastSuccessAtMs(): number | undefined {
    return this.#lastSuccessAtMs;
  }

  /** When the store last did what it was asked. */
  get lastAnswerAtMs(): number | undefined {
    return this.#lastAnswerAtMs;
  }

  get lastError(): ReplicaError | undefined {
    return this.#lastError;
  }

  get isForeign(): boolean {
    return this.#isForeign;
  }

  /** Whether nothing is known against the store. */
  get isSound(): boolean {
    return !this.#isForeign && this.#breaker.kind === 'closed';
  }

  /** When it may be tried again, where that is a matter of time. */
  get triedAgainAtMs(): number | undefined {
    return this.#breaker.kind === 'open' && !this.#isForeign ? this.#breaker.untilMs : undefined;
  }

  state(nowMs: number): ReplicaState {
    if (this.#isForeign) return 'foreign';
    if (this.#breaker.kind !== 'closed') {
      return nowMs - this.#breaker.sinceMs >= OFFLINE_AFTER_MS ? 'offline' : 'degraded';
    }
    return this.#itemsFail ? 'degraded' : 'online';
  }

  /** What may be handed out now. */
  capacity(nowMs: number): Capacity {
    this.#breaker = timePassed(this.#breaker, nowMs);
    const allowed = this.#isForeign ? 'nothing' : allowance(this.#breaker);
    if (allowed === 'nothing') return NO_CAPACITY;
    const jobs = MAX_JOBS_PER_STORE - this.#jobs.size;
    if (jobs <= 0) return NO_CAPACITY;
    return allowed === 'one_item' ? { jobs: 1, items: 1 } : { jobs, items: jobs * MAX_JOB_ITEMS };
  }

  begin(job: Job): void {
    this.#jobs.set(job.jobId, { job, queuedAtMs: undefined });
    for (const { fileId } of job.items) this.#files.set(fileId, job.jobId);
    this.#breaker = handedOut(this.#breaker);
  }

  queued(jobId: string, nowMs: number): void {
    const inFlight = this.#jobs.get(jobId);
    if (inFlight !== undefined) inFlight.queuedAtMs = nowMs;
  }

  /** Has the queue asked again for what it has not answered; whoever hands out jobs offers it then. */
  doubtSilence(nowMs: number): void {
    for (const inFlight of this.#jobs.values()) {
      const { queuedAtMs = nowMs } = inFlight;
      if (nowMs - queuedAtMs >= OFFERED_AGAIN_AFTER_MS) inFlight.queuedAtMs = undefined;
    }
  }

  /** What the queue has not taken yet, or may have forgotten. */
  unqueued(): Job[] {
    return [...this.#jobs.values()].filter(({ queuedAtMs }) => queuedAtMs === undefined).map(({ job }) => job);
  }

  /** An answer to this job came; one to a job that is not in flight, such as a second one, changes nothing. */
  end(jobId: string): 'ended' | 'unknown' {
    const inFlight = this.#jobs.get(jobId);
    if (inFlight === undefined) return 'unknown';
    this.#jobs.delete(jobId);
    for (const { fileId } of inFlight.job.items) {
      if (this.#files.get(fileId) === jobId) this.#files.delete(fileId);
    }
    return 'ended';
  }

  /** Forgets what is not coming back, such as what a queue lost; answers with how many jobs these were. */
  forgetLost(nowMs: number): number {
    const lost = [...this.#jobs.values()].filter(({ job }) => nowMs > job.deadlineMs + LOST_AFTER_MS);
    for (const { job } of lost) {
      this.end(job.jobId);
      this.doubts.lost(job.items.map(({ fileId }) => fileId));
    }
    if (lost.length > 0) {
      this.#breaker = jobLost(this.#breaker);
      this.#note(JOB_LOST, nowMs);
    }
    return lost.length;
  }

  /** A job ended, and it was another store that failed: nothing is known of this one. */
  undecided(): void {
    this.#breaker = jobLost(this.#breaker);
  }

  /** The store did what a job asked, of at least one file. */
  answered(nowMs: number): void {
    this.#breaker = CLOSED;
    this.#isForeign = false;
    this.#lastAnswerAtMs = nowMs;
  }

  /** Some files were confirmed. */
  succeeded(nowMs: number): void {
    this.#lastSuccessAtMs = nowMs;
  }

  /** How the files of the last job fared, where the store itself was not at fault. */
  judged(itemError: JobError | undefined, nowMs: number): void {
    this.#itemsFail = itemError !== undefined;
    if (itemError !== undefined) this.#note(itemError, nowMs);
  }

  failed(error: JobError, nowMs: number): void {
    this.#breaker = storeFailed(this.#breaker, { nowMs, random: this.#random() });
    this.#note(error, nowMs);
  }

  foreign(error: JobError, nowMs: number): void {
    this.#isForeign = true;
    this.#note(error, nowMs);
  }

  /** As boot found it: nobody is kept waiting to learn that it is not there. */
  startOffline(nowMs: number): void {
    this.#breaker = { kind: 'half_open', failures: 0, sinceMs: nowMs - OFFLINE_AFTER_MS };
  }

  startForeign(): void {
    this.#isForeign = true;
  }

  /** The store says who it is, and it is this one. */
  returned(): void {
    this.#isForeign = false;
    this.tryNow();
  }

  tryNow(): void {
    this.#breaker = hopeful(this.#breaker);
  }

  #note({ code, message }: JobError, nowMs: number): void {
    this.#lastError = { code, message, atMs: nowMs };
  }
}
