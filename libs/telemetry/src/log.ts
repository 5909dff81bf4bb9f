/**
 * The log that cores write to. It is a parameter like any other, so a core never chooses a library or a level, and a
 * test passes `silentLog`. A pino logger fits as it is.
 */

/** Named facts, in snake_case, because they become fields of a JSON line. Never a secret. */
export type LogFacts = Readonly<Record<string, unknown>>;

type WriteLine = (facts: LogFacts, message: string) => void;

export interface Log {
  /** For whoever looks for a mistake in the program. */
  readonly debug: WriteLine;
  /** Normal operation that an operator may want to read later. */
  readonly info: WriteLine;
  /** Handled, but an operator should look at it. */
  readonly warn: WriteLine;
  /** Something that was promised is not being kept. */
  readonly error: WriteLine;
}

const discard: WriteLine = () => {};

export const silentLog: Log = Object.freeze({ debug: discard, info: discard, warn: discard, error: discard });
