/** The process's log: JSON lines on stdout and nothing else there, so that another program can read it. */
import type { LogLevel } from '#libs/config';
import { destination, pino } from 'pino';
import type { Logger } from 'pino';

export interface ProcessLog {
  readonly log: Logger;
  /** Everything logged so far has left the process. */
  readonly flush: () => void;
}

/** How much, and how long, lines wait to be written together; a killed process takes that much of its log with it. */
const GATHERED_BYTES = 8 * 1024;
const GATHERED_MS = 100;

export function openProcessLog(level: LogLevel): ProcessLog {
  // Synchronous, so that `flush` is enough for the line about a crash; gathered, because a system call for the line of
  // every request is a good part of what a small request costs.
  const stdout = destination({
    dest: process.stdout.fd,
    sync: true,
    minLength: GATHERED_BYTES,
    periodicFlush: GATHERED_MS,
  });
  // Whoever read the log may be gone. That is no reason to stop serving files, and there is nowhere left to say it.
  stdout.on('error', () => undefined);
  const options = {
    level,
    base: undefined,
    formatters: { level: (label: string) => ({ level: label }) },
  };
  return { log: pino(options, stdout), flush: () => stdout.flushSync() };
}
