/** The process's log: JSON lines on stdout and nothing else there, so that another program can read it. */
import type { LogLevel } from '#libs/config';
import { destination, pino } from 'pino';
import type { Logger } from 'pino';

export interface ProcessLog {
  readonly log: Logger;
  /** Everything logged so far has left the process. */
  readonly flush: () => void;
}

export function openProcessLog(level: LogLevel): ProcessLog {
  // Synchronous, so that the line about a crash is not lost in the crash.
  const stdout = destination({ dest: process.stdout.fd, sync: true });
  // Whoever read the log may be gone. That is no reason to stop serving files, and there is nowhere left to say it.
  stdout.on('error', () => undefined);
  const options = {
    level,
    base: undefined,
    formatters: { level: (label: string) => ({ level: label }) },
  };
  return { log: pino(options, stdout), flush: () => stdout.flushSync() };
}
