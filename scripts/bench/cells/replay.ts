/**
 * How fast boot repeats a log. Both states are what a kill can leave: nothing that was applied had reached the disk
 * (files missing), or all of it had, but no checkpoint said so (files already there). The figure is the records over the
 * whole recovery: locks, verification, the rewrite of the active segment and the replay itself.
 */
import type { Cell, Measure } from '../cell.js';
import { valueAtLeast } from '../cell.js';
import { copyDirectory } from '../copy-directory.js';
import { ownProgram, runToEnd } from '../processes.js';
import { NO_REPLICAS, Server, walPathOf } from '../server.js';
import type { Bench } from './bench.js';

const RECORDS = 100_000;
const FILE_BYTES = 1024;

export function replayCells(bench: Bench): Cell[] {
  const states = new ReplayStates(bench);
  const diskBytes = (bench.rounds + 1) * 2 ** 29;
  return [
    {
      name: 'replay, files missing',
      unit: 'records/s',
      bar: valueAtLeast(12_000),
      diskBytes,
      prepare: async () => void (await states.missing()),
      measure: replayOf(bench, () => states.missing()),
    },
    {
      name: 'replay, files already there',
      unit: 'records/s',
      bar: valueAtLeast(30_000),
      diskBytes,
      prepare: async () => void (await states.there()),
      measure: replayOf(bench, () => states.there()),
    },
  ];
}

/** Installations to copy from, each made when it is first asked for; they go with the workspace. */
class ReplayStates {
  readonly #bench: Bench;
  #missing: Promise<string> | undefined;
  #there: Promise<string> | undefined;

  constructor(bench: Bench) {
    this.#bench = bench;
  }

  missing(): Promise<string> {
    return (this.#missing ??= this.#makeMissing());
  }

  there(): Promise<string> {
    return (this.#there ??= this.#makeThere());
  }

  /** Begun and killed by the server, then filled behind its back: stores and catalog know of none of the records. */
  async #makeMissing(): Promise<string> {
    const directory = await this.#bench.workspace.newDirectory();
    const server = await Server.start(directory, NO_REPLICAS);
    await server.kill();
    await runToEnd(ownProgram('write-log', walPathOf(directory), String(RECORDS), String(FILE_BYTES)));
    return directory;
  }

  /** Replayed once and killed before the first checkpoint. */
  async #makeThere(): Promise<string> {
    const directory = await this.#bench.workspace.newDirectory();
    await copyDirectory({ from: await this.missing(), to: directory });
    const server = await Server.start(directory, NO_REPLICAS);
    await server.kill();
    return directory;
  }
}

function replayOf({ workspace }: Bench, state: () => Promise<string>): Measure {
  return () =>
    workspace.withDirectory(async (directory) => {
      await copyDirectory({ from: await state(), to: directory });
      await workspace.settle();
      const server = await Server.start(directory, NO_REPLICAS);
      try {
        const { seconds, replayedRecords } = await server.recovery();
        // A record or two of the server's own may stand among ours; fewer would be another state than the one meant.
        if (replayedRecords < RECORDS) throw new Error(`${replayedRecords} records were replayed, not ${RECORDS}`);
        return replayedRecords / seconds;
      } finally {
        await server.kill();
      }
    });
}
