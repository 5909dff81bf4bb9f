import { silentLog } from '#libs/telemetry';
import type { Log } from '#libs/telemetry';
import { MessageChannel, threadId } from 'node:worker_threads';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { doneResult, testJob } from '../testing/src/index.js';
import { EmbeddedJobQueue } from './embedded-queue.js';
import { JobThread } from './job-thread.js';
import type { JobThreadOptions } from './job-thread.js';
import { portLog, serveJobs } from './serve-jobs.js';
import type { FromThread, Port, ToThread } from './thread-messages.js';

const FROM_SOURCE = [
  '--experimental-strip-types',
  '--conditions=source',
  '--import',
  './scripts/resolve-typescript.mjs',
];
const PROGRAM = new URL('../testing/src/thread-program.ts', import.meta.url);

function startThread(options: Partial<JobThreadOptions> = {}): JobThread {
  const backoff = { baseMs: 1, maxMs: 2 };
  const given = { program: PROGRAM, workerData: undefined, log: silentLog, execArgv: FROM_SOURCE, backoff };
  const thread = new JobThread({ ...given, ...options });
  onTestFinished(() => thread.close(5_000));
  return thread;
}

const never = (): AbortSignal => new AbortController().signal;
const codesOf = (result: { items: readonly { error?: { code: string } | undefined }[] }): unknown[] =>
  result.items.map(({ error }) => error?.code);

describe('a thread that does jobs', () => {
  it('does them in a thread of its own', async () => {
    const thread = startThread();
    const job = testJob('job');
    const result = await thread.run(job, never());
    expect(result.durationMs).not.toBe(threadId);
    expect(result).toEqual({ ...doneResult(job), durationMs: result.durationMs });
    expect(thread.condition.state).toBe('ready');
  });

  it('answers a mistake of its handler as failed, and lives on', async () => {
    const thread = startThread();
    expect(codesOf(await thread.run(testJob('throw'), never()))).toEqual(['internal', 'internal']);
    expect(codesOf(await thread.run(testJob('job'), never()))).toEqual([undefined, undefined]);
  });

  it('ends one job early by its signal, and no other', async () => {
    const thread = startThread();
    const abort = new AbortController();
    const other = thread.run(testJob('wait-other'), never());
    const ended = thread.run(testJob('wait'), abort.signal);
    abort.abort();
    expect(codesOf(await ended)).toEqual(['job_interrupted', 'job_interrupted']);
    const state = await Promise.race([
      other.then(() => 'ended'),
      thread.run(testJob('job'), never()).then(() => 'runs'),
    ]);
    expect(state).toBe('runs');
  });

  it('that dies answers what it had under way as interrupted, and is started again', async () => {
    const thread = startThread();
    const waiting = thread.run(testJob('wait'), never());
    const dying = thread.run(testJob('die'), never());
    for (const result of await Promise.all([waiting, dying])) {
      expect(codesOf(result)).toEqual(['job_interrupted', 'job_interrupted']);
    }
    await vi.waitFor(() => expect(thread.condition.state).toBe('ready'), { timeout: 10_000 });
    expect(codesOf(await thread.run(testJob('job'), never()))).toEqual([undefined, undefined]);
  });

  it('that cannot start is unavailable, and answers what it is given', async () => {
    const thread = startThread({ program: new URL('file:///nonexistent/thread.js') });
    expect(codesOf(await thread.run(testJob('job'), never()))).toEqual(['job_interrupted', 'job_interrupted']);
    await vi.waitFor(() => expect(thread.condition.state).toBe('unavailable'));
    expect(thread.condition.lastError).toContain('/nonexistent/thread.js');
  });

  it('ends jobs at its close', async () => {
    const thread = startThread();
    const waiting = thread.run(testJob('wait'), never());
    await thread.close(5_000);
    expect(codesOf(await waiting)).toEqual(['job_interrupted', 'job_interrupted']);
  });

  it('is ended at the time-out where it answers to nothing', async () => {
    const thread = startThread();
    const spinning = thread.run(testJob('spin'), never());
    await thread.close(100);
    expect(codesOf(await spinning)).toEqual(['job_interrupted', 'job_interrupted']);
  });

  it('behind the queue: a job that kills it is answered, and the others are done by the next', async () => {
    const thread = startThread();
    const queue = new EmbeddedJobQueue({ handler: thread.run, condition: () => thread.condition, log: silentLog });
    onTestFinished(() => queue.close(1_000));
    const outcomes = new Map<string, unknown>();
    queue.listen((result) => Promise.resolve(void outcomes.set(result.jobId, result.items[0]!.outcome)));
    await queue.add([testJob('die')]);
    await vi.waitFor(() => expect(outcomes.get('die')).toBe('failed'), { timeout: 10_000 });
    await vi.waitFor(() => queue.add([testJob('job')]), { timeout: 10_000 });
    await vi.waitFor(() => expect(outcomes.get('job')).toBe('done'));
  });
});

describe("the thread's side", () => {
  function channel(): { near: Port<FromThread, ToThread>; far: Port<ToThread, FromThread> } {
    const { port1, port2 } = new MessageChannel();
    onTestFinished(() => {
      port1.close();
      port2.close();
    });
    return { near: port1, far: port2 };
  }

  it('says that it is ready, answers, and says that it has stopped', async () => {
    const { near, far } = channel();
    const heard: string[] = [];
    near.on('message', (message) => heard.push(message.kind === 'result' ? message.result.jobId : message.kind));
    serveJobs({ port: far, handler: (job) => Promise.resolve(doneResult(job)) });
    near.postMessage({ kind: 'job', job: testJob('one') });
    await vi.waitFor(() => expect(heard).toEqual(['ready', 'one']));
    near.postMessage({ kind: 'stop' });
    await vi.waitFor(() => expect(heard).toEqual(['ready', 'one', 'stopped']));
  });

  it('logs what cannot travel as text', async () => {
    const { near, far } = channel();
    const lines: unknown[] = [];
    near.on('message', (message) => lines.push(message));
    const log: Log = portLog(far);
    log.warn(
      { job_id: 'x', err: new Error('cause'), fs: { read: (): void => undefined }, call: (): void => undefined },
      'said',
    );
    await vi.waitFor(() => expect(lines).toHaveLength(1));
    expect(lines[0]).toMatchObject({ kind: 'log', level: 'warn', message: 'said', facts: { job_id: 'x', fs: '{}' } });
    expect(JSON.stringify(lines[0])).toContain('Error: cause');
  });
});
