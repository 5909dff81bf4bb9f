/** The command line of `npm run measure:million`. Pure but for where it was called from. */
import { tmpdir } from 'node:os';
import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { UsageError } from '../bench/arguments.js';

export interface MillionArguments {
  readonly files: number;
  /** Length of a window of load. */
  readonly seconds: number;
  /** Windows of load, alone and while each pass runs. */
  readonly rounds: number;
  /** Where the temporary directory is made. */
  readonly directory: string;
  readonly jsonPath: string | undefined;
  readonly afterwards: 'keep' | 'remove';
  /** A directory that an earlier run has kept, with its files; nothing is filled then. */
  readonly installation: string | undefined;
}

export const USAGE = `npm run measure:million -- [--files 1000000] [--seconds 10] [--rounds 3] [--directory <where>] [--json <file>] [--keep] [--installation <kept directory>]`;

/** `callerDirectory`: npm runs scripts at the package root, but paths are meant from where it was called. */
export function parseMillionArguments(args: readonly string[], callerDirectory: string): MillionArguments {
  const values = parsed(args);
  const pathOf = (path: string | undefined): string | undefined =>
    path === undefined ? undefined : resolve(callerDirectory, path);
  return {
    files: count('files', values.files ?? '1000000'),
    seconds: count('seconds', values.seconds ?? '10'),
    rounds: count('rounds', values.rounds ?? '3'),
    directory: resolve(callerDirectory, values.directory ?? tmpdir()),
    jsonPath: pathOf(values.json),
    afterwards: values.keep === true || values.installation !== undefined ? 'keep' : 'remove',
    installation: pathOf(values.installation),
  };
}

function parsed(args: readonly string[]) {
  try {
    const text = { type: 'string' } as const;
    return parseArgs({
      args: [...args],
      options: {
        files: text,
        seconds: text,
        rounds: text,
        directory: text,
        json: text,
        keep: { type: 'boolean' },
        installation: text,
      },
    }).values;
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error));
  }
}

const MOST = 10_000_000;

function count(name: string, text: string): number {
  const value = Number(text);
  if (/^\d+$/.test(text) && value >= 1 && value <= MOST) return value;
  throw new UsageError(`--${name}=${text} is not an integer from 1 to ${MOST}`);
}
