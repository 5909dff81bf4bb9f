/** The command line of `npm run bench`. Pure but for where it was called from. */
import { tmpdir } from 'node:os';
import { resolve } from 'node:path';
import { parseArgs } from 'node:util';

export interface BenchArguments {
  /** Part of a cell's name; '' takes all. */
  readonly only: string;
  readonly jsonPath: string | undefined;
  readonly rounds: number;
  /** Length of a window of load. */
  readonly seconds: number;
  /** Where the temporary directory is made: its disk is what is measured. */
  readonly directory: string;
}

export class UsageError extends Error {}

export const USAGE = `npm run bench -- [--only <part of a cell's name>] [--rounds 5] [--seconds 5] [--json <file>] [--directory <where>]`;

/** `callerDirectory`: npm runs scripts at the package root, but paths are meant from where it was called. */
export function parseBenchArguments(args: readonly string[], callerDirectory: string): BenchArguments {
  const values = parsed(args);
  return {
    only: values.only ?? '',
    jsonPath: values.json === undefined ? undefined : resolve(callerDirectory, values.json),
    rounds: count('rounds', values.rounds ?? '5'),
    seconds: count('seconds', values.seconds ?? '5'),
    directory: resolve(callerDirectory, values.directory ?? tmpdir()),
  };
}

function parsed(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      options: {
        only: { type: 'string' },
        json: { type: 'string' },
        rounds: { type: 'string' },
        seconds: { type: 'string' },
        directory: { type: 'string' },
      },
    }).values;
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error));
  }
}

const MOST = 1000;

function count(name: string, text: string): number {
  const value = Number(text);
  if (/^\d+$/.test(text) && value >= 1 && value <= MOST) return value;
  throw new UsageError(`--${name}=${text} is not an integer from 1 to ${MOST}`);
}
