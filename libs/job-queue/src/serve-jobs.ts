/**
 * The thread's side of a `JobThread`: takes jobs from the port, runs the handler, answers. How many run at once is decided
 * by whoever sends them. A program of a thread makes its handler and calls this last.
 */
import { systemClock } from '#libs/kernel';
import type { Clock } from '#libs/kernel';
import type { Log, LogFacts } from '#libs/telemetry';
import type { Job } from './job.js';
import type { JobHandler, JobWorker } from './job-queue.js';
import { runHandler } from './run-handler.js';
import { settledWithin } from './settled-within.js';
import type { FromThread, LogLevelName, Port, ToThread } from './thread-messages.js';

export interface ServeOptions {
  readonly port: Port<ToThread, FromThread>;
  readonly handler: JobHandler;
  readonly clock?: Clock;
}

export function serveJobs(options: ServeOptions): JobWorker {
  const server = new JobServer(options);
  server.start();
  return server;
}

class JobServer implements JobWorker {
  readonly #port: Port<ToThread, FromThread>;
  readonly #handler: JobHandler;
  readonly #clock: Clock;
  readonly #aborts = new Map<string, AbortController>();
  readonly #underWay = new Set<Promise<void>>();
  readonly #take = (message: ToThread): void => this.#onMessage(message);

  constructor({ port, handler, clock = systemClock }: ServeOptions) {
    this.#port = port;
    this.#handler = handler;
    this.#clock = clock;
  }

  start(): void {
    this.#port.on('message', this.#take);
    this.#port.postMessage({ kind: 'ready' });
  }

  async close(timeoutMs: number): Promise<void> {
    this.#port.off('message', this.#take);
    await settledWithin(Promise.all(this.#underWay), timeoutMs);
    for (const abort of this.#aborts.values()) abort.abort();
  }

  #onMessage(message: ToThread): void {
    if (message.kind === 'stop') void this.#stop();
    else if (message.kind === 'abort') this.#aborts.get(message.jobId)?.abort();
    else {
      const doing = this.#do(message.job).finally(() => this.#underWay.delete(doing));
      this.#underWay.add(doing);
    }
  }

  async #do(job: Job): Promise<void> {
    const abort = new AbortController();
    this.#aborts.set(job.jobId, abort);
    const context = { handler: this.#handler, clock: this.#clock, log: portLog(this.#port) };
    const result = await runHandler(context, job, abort.signal);
    this.#aborts.delete(job.jobId);
    this.#port.postMessage({ kind: 'result', result });
  }

  async #stop(): Promise<void> {
    for (const abort of this.#aborts.values()) abort.abort();
    await Promise.all(this.#underWay);
    this.#port.postMessage({ kind: 'stopped' });
  }
}

/** A log whose lines are written by the main thread: two writers on one stdout would cut each other's lines. */
export function portLog(port: Pick<Port<ToThread, FromThread>, 'postMessage'>): Log {
  const write = (level: LogLevelName) => (facts: LogFacts, message: string) => {
    port.postMessage({ kind: 'log', level, facts: portable(facts), message });
  };
  return { debug: write('debug'), info: write('info'), warn: write('warn'), error: write('error') };
}

/** Facts that can travel: whatever is no plain value goes as text, since a log line must never fail its job. */
function portable(facts: LogFacts): LogFacts {
  return Object.fromEntries(
    Object.entries(facts).map(([name, value]) => {
      if (value instanceof Error) return [name, value.stack ?? value.message];
      if (typeof value !== 'object' || value === null) return [name, typeof value === 'function' ? '' : value];
      return [name, JSON.stringify(value)];
    }),
  );
}
