/** The repairs of one installation: never two at once. One that asks for the same joins, one that asks for more waits. */
import { RepairRun } from './repair-run.js';
import type { RepairParts } from './repair-run.js';
import type { RepairOptions } from './repair-report.js';

export class Repairs {
  readonly #parts: RepairParts;
  #runs: RepairRun[] = [];

  constructor(parts: RepairParts) {
    this.#parts = parts;
  }

  begin(options: RepairOptions): RepairRun {
    const running = this.#runs.find((run) => isSame(run.options, options));
    if (running !== undefined) return running;
    const run = new RepairRun(this.#parts, options, this.#runs.at(-1)?.finished);
    this.#runs.push(run);
    void run.finished.then(() => {
      this.#runs = this.#runs.filter((other) => other !== run);
    });
    return run;
  }

  /** Resolves when the step under way has ended, or has been waited for long enough; no other follows. */
  async stop(): Promise<void> {
    for (const run of this.#runs) run.stop();
    await this.#runs.at(-1)?.finished;
  }
}

function isSame(left: RepairOptions, right: RepairOptions): boolean {
  const stores = (options: RepairOptions): string => options.storeIds.join(' ');
  return left.depth === right.depth && left.mode === right.mode && stores(left) === stores(right);
}
