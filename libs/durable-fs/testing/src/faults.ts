import type { FileSystem, OpenFile } from '../../src/file-system.js';
import { systemError } from '../../src/system-error.js';

/** The methods of the port are the operations that can be made to fail. */
export type FaultOperation = keyof FileSystem | keyof OpenFile;

export interface FaultPlan {
  readonly operation: FaultOperation;
  /**
   * Only calls on matching paths count: a handle's is the one it was opened under, that of `rename` and `replaceFile`
   * the destination. All where left out.
   */
  readonly pathPattern?: RegExp;
  readonly errorCode: string;
  /** How many matching calls succeed first. */
  readonly after?: number;
  /** How many calls fail from then on; `Infinity` until `clearFaults`. One where left out. */
  readonly times?: number;
  /** For `write`: how many bytes are written before the call fails, as on a disk that fills up. None where left out. */
  readonly writtenBytes?: number;
}

export interface Fault {
  readonly error: NodeJS.ErrnoException;
  readonly writtenBytes: number;
}

/** The failures that are yet to happen. The first plan that matches a call decides; the others do not count it. */
export class Faults {
  #plans: { plan: FaultPlan; toPass: number; toFail: number }[] = [];

  add(plan: FaultPlan): void {
    this.#plans.push({ plan, toPass: plan.after ?? 0, toFail: plan.times ?? 1 });
  }

  clear(): void {
    this.#plans = [];
  }

  take(operation: FaultOperation, path: string): Fault | undefined {
    const entry = this.#plans.find(({ plan }) => plan.operation === operation && matches(plan.pathPattern, path));
    if (entry === undefined) return undefined;
    if (entry.toPass > 0) {
      entry.toPass -= 1;
      return undefined;
    }
    entry.toFail -= 1;
    if (entry.toFail <= 0) this.#plans = this.#plans.filter((other) => other !== entry);
    const error = systemError(entry.plan.errorCode, { syscall: operation, path });
    return { error, writtenBytes: entry.plan.writtenBytes ?? 0 };
  }
}

function matches(pattern: RegExp | undefined, path: string): boolean {
  // `search` ignores the `lastIndex` that a global pattern would carry from call to call.
  return pattern === undefined || path.search(pattern) !== -1;
}
