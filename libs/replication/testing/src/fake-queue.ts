/** A job queue whose jobs wait until a test does them, loses them, or has them done twice. */
import { StoreError } from '#libs/kernel';
import type { Job, JobQueue, JobResult, QueueCondition, ResultListener } from '#libs/job-queue';

export class FakeQueue implements JobQueue {
  /** Handed out and not taken; in order. */
  readonly waiting = new Map<string, Job>();
  /** Every job that `add` was ever given and did not have yet. */
  readonly added: Job[] = [];
  #listener: ResultListener | undefined;
  #state: QueueCondition['state'] = 'ready';
  #failsBehind = 0;

  /** As after a restart of whoever hands out jobs: what waits stays. */
  reopened(): FakeQueue {
    const next = new FakeQueue();
    for (const job of this.waiting.values()) next.waiting.set(job.jobId, job);
    return next;
  }

  /** From now on `add` fails; the first call does so behind `taken` of its jobs. */
  breakDown(taken = 0): void {
    this.#state = 'unavailable';
    this.#failsBehind = taken;
  }

  comeBack(): void {
    this.#state = 'ready';
  }

  get condition(): QueueCondition {
    return { state: this.#state, lastError: undefined };
  }

  listen(listener: ResultListener): void {
    this.#listener = listener;
  }

  async add(jobs: readonly Job[]): Promise<void> {
    const isDown = this.#state === 'unavailable';
    for (const job of isDown ? jobs.slice(0, this.#failsBehind) : jobs) {
      if (this.waiting.has(job.jobId)) continue;
      this.waiting.set(job.jobId, job);
      this.added.push(job);
    }
    this.#failsBehind = 0;
    if (isDown) throw new StoreError('queue_unavailable', 'The queue is broken down.');
  }

  /** A worker takes a job. */
  take(index = 0): Job | undefined {
    const job = [...this.waiting.values()][index];
    if (job !== undefined) this.waiting.delete(job.jobId);
    return job;
  }

  /** Delivers an answer; false where nobody listens. */
  async deliver(result: JobResult): Promise<boolean> {
    if (this.#listener === undefined) return false;
    await this.#listener(result);
    return true;
  }

  async close(): Promise<void> {
    this.#listener = undefined;
  }
}
