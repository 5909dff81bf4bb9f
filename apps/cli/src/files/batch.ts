/** Many transfers at a time. One that fails does not end the others, unless what it met will meet them all. */
import { EXIT, forEachConcurrently } from '#libs/kernel';
import type { ExitCode } from '#libs/kernel';
import { failureOf } from '../failure.js';
import type { Failure } from '../failure.js';
import { printError } from '../terminal.js';
import type { Skipped } from './walk.js';

export interface FailedItem {
  /** What a person knows the item by. */
  readonly item: string;
  readonly failure: Failure;
}

export interface BatchResult {
  readonly failed: readonly FailedItem[];
  /** Why the rest was not tried. */
  readonly stopped: Failure | undefined;
}

export interface BatchOptions<Item> {
  readonly parallel: number;
  readonly signal: AbortSignal;
  readonly nameOf: (item: Item) => string;
  readonly task: (item: Item) => Promise<void>;
}

export async function runBatch<Item>(items: Iterable<Item>, options: BatchOptions<Item>): Promise<BatchResult> {
  const { parallel, signal, nameOf, task } = options;
  const failed: FailedItem[] = [];
  let stopped: Failure | undefined;
  const attempt = async (item: Item): Promise<void> => {
    try {
      signal.throwIfAborted();
      await task(item);
    } catch (error) {
      const failure = failureOf(error);
      if (failure.isForAll) {
        stopped ??= failure;
        throw error;
      }
      failed.push({ item: nameOf(item), failure });
    }
  };
  await forEachConcurrently(items, parallel, attempt).catch((error: unknown) => {
    if (stopped === undefined) throw error;
  });
  return { failed, stopped };
}

/**
 * What the whole ends with: why it was ended, else the gravest of what failed. What was skipped is not on the server, so a
 * directory of which something was differs from it.
 */
export function batchExit({ failed, stopped }: BatchResult, skipped: readonly Skipped[] = []): ExitCode {
  if (stopped !== undefined) return stopped.exit;
  const exits = new Set(failed.map(({ failure }) => failure.exit));
  if (exits.has(EXIT.damaged)) return EXIT.damaged;
  const [only, another] = exits;
  if (only === undefined) return skipped.length > 0 ? EXIT.damaged : EXIT.done;
  return another === undefined ? only : EXIT.failed;
}

export function failedJson({ failed, stopped }: BatchResult): object {
  return {
    failed: failed.map(({ item, failure }) => ({ item, ...failureJson(failure) })),
    ...(stopped === undefined ? {} : { error: failureJson(stopped) }),
  };
}

function failureJson({ code, message, context }: Failure): object {
  return { code, message, ...context };
}

export function printSkipped(skipped: readonly Skipped[]): void {
  for (const { item, reason } of skipped) printError(`${item}: skipped, because ${reason}`);
}

export function printFailed({ failed, stopped }: BatchResult): void {
  for (const { item, failure } of failed) printError(`${item}: ${failure.message}`);
  if (stopped !== undefined) printError(stopped.message);
}
