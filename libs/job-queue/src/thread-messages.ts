/** What a `JobThread` and its thread say to each other. Both sides are of one build, so nothing here is checked. */
import type { LogFacts } from '#libs/telemetry';
import type { Job, JobResult } from './job.js';

export type ToThread =
  | { readonly kind: 'job'; readonly job: Job }
  /** Ends early, as failed, the job of that id. */
  | { readonly kind: 'abort'; readonly jobId: string }
  /** Ends all jobs early, answers them, then says `stopped`. */
  | { readonly kind: 'stop' };

export type LogLevelName = 'debug' | 'info' | 'warn' | 'error';

export type FromThread =
  | { readonly kind: 'ready' }
  | { readonly kind: 'result'; readonly result: JobResult }
  | {
      readonly kind: 'log';
      readonly level: LogLevelName;
      readonly facts: LogFacts;
      readonly message: string;
    }
  | { readonly kind: 'stopped' };

/** The part of a message port that both sides need; `Worker` and `MessagePort` have it. */
export interface Port<In, Out> {
  on(event: 'message', listener: (message: In) => void): unknown;
  off(event: 'message', listener: (message: In) => void): unknown;
  postMessage(message: Out): void;
}
