/** Nest's own messages, as lines of our log. What it tells about its start is of use only to whoever debugs that. */
import type { LoggerService } from '@nestjs/common';
import type { Log } from '#libs/telemetry';

/** It reports an error and then throws it to us, who report it as well. */
const REPEATS_WHAT_IS_THROWN = 'ExceptionHandler';

export class NestLog implements LoggerService {
  readonly #log: Log;

  constructor(log: Log) {
    this.#log = log;
  }

  log(message: unknown, ...details: unknown[]): void {
    this.#log.debug(factsOf(details), textOf(message));
  }

  debug(message: unknown, ...details: unknown[]): void {
    this.#log.debug(factsOf(details), textOf(message));
  }

  verbose(message: unknown, ...details: unknown[]): void {
    this.#log.debug(factsOf(details), textOf(message));
  }

  warn(message: unknown, ...details: unknown[]): void {
    this.#log.warn(factsOf(details), textOf(message));
  }

  error(message: unknown, ...details: unknown[]): void {
    if (details.at(-1) === REPEATS_WHAT_IS_THROWN) return;
    const facts = message instanceof Error ? { err: message } : {};
    this.#log.error({ ...facts, ...factsOf(details) }, textOf(message));
  }

  fatal(message: unknown, ...details: unknown[]): void {
    this.error(message, ...details);
  }
}

/** Nest hands over the name of the speaker last, and before it a stack where there is one. */
function factsOf(details: readonly unknown[]): Record<string, unknown> {
  const texts = details.filter((detail) => typeof detail === 'string');
  const [stack] = texts.slice(0, -1);
  return { nest_context: texts.at(-1), ...(stack === undefined ? {} : { stack }) };
}

function textOf(message: unknown): string {
  if (message instanceof Error) return message.message;
  return typeof message === 'string' ? message : JSON.stringify(message);
}
