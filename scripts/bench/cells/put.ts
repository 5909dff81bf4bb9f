/** Small uploads against plain files that keep the same promise. */
import type { Cell, Measure } from '../cell.js';
import { ratioAtLeast } from '../cell.js';
import { generatorCeiling } from '../generator-ceiling.js';
import { generatorName, LoadGenerator } from '../load.js';
import { ownProgram, runToEnd } from '../processes.js';
import type { PlainFilesOptions } from '../programs/plain-files.js';
import { figure } from '../report.js';
import { NO_REPLICAS, Server } from '../server.js';
import { median } from '../statistics.js';
import type { Bench } from './bench.js';

export const FILE_BYTES = 4096;
export const PUT_PATH = '/write?name=bench.bin';
export const WARM_UP_SECONDS = 1;

export function putCells(bench: Bench): Cell[] {
  return [
    putCell(bench, { name: '4 KiB PUT, 32 connections', connections: 32, leastRatio: 1.2 }),
    putCell(bench, { name: '4 KiB PUT, 1 connection', connections: 1, leastRatio: 0.7 }),
  ];
}

interface PutCell {
  readonly name: string;
  readonly connections: number;
  readonly leastRatio: number;
}

function putCell(bench: Bench, { name, connections, leastRatio }: PutCell): Cell {
  const subject = new Uploads(bench, connections);
  const reference = new PlainFiles(bench, connections);
  return {
    name,
    unit: '/s',
    bar: ratioAtLeast(leastRatio),
    diskBytes: bench.rounds * 2 ** 28,
    prepare: () => reference.choose(),
    measure: subject.measure,
    reference: { name: 'plain files', measure: reference.measure },
    remarks: async () => [...reference.remarks(), ...(await subject.remarks())],
  };
}

/** The server under load, a new one on new directories in every round. */
class Uploads {
  readonly #bench: Bench;
  readonly #connections: number;
  readonly #load: LoadGenerator;
  readonly #perSecond: number[] = [];
  readonly #stopSeconds: number[] = [];
  #answerBytes = 0;

  constructor(bench: Bench, connections: number) {
    this.#bench = bench;
    this.#connections = connections;
    this.#load = new LoadGenerator(bench.workspace, FILE_BYTES);
  }

  readonly measure: Measure = () =>
    this.#bench.workspace.withDirectory(async (directory) => {
      await this.#bench.workspace.settle();
      const server = await Server.start(directory, NO_REPLICAS);
      try {
        const perSecond = await this.#uploadTo(server);
        this.#perSecond.push(perSecond);
        this.#stopSeconds.push(await server.stop());
        return perSecond;
      } finally {
        await server.kill();
      }
    });

  async #uploadTo(server: Server): Promise<number> {
    const url = `${server.url}${PUT_PATH}`;
    const connections = this.#connections;
    await this.#load.put({ url, connections, seconds: WARM_UP_SECONDS });
    this.#answerBytes = await answerBytes(url);
    const before = await server.position();
    const { requests, seconds } = await this.#load.put({ url, connections, seconds: this.#bench.seconds });
    const after = await server.position();
    // Answers are only worth counting where the log has as many records more.
    const committed = after.committed_lsn - before.committed_lsn;
    if (committed < requests)
      throw new Error(`${requests} uploads were answered, but the log has ${committed} records`);
    return requests / seconds;
  }

  async remarks(): Promise<string[]> {
    const options = { connections: this.#connections, seconds: WARM_UP_SECONDS, answerBytes: this.#answerBytes };
    const ceiling = await generatorCeiling(this.#bench.workspace, this.#load, options);
    const share = median(this.#perSecond) / ceiling;
    return [
      `the ceiling of the generator (${generatorName()}, the same requests to a bare node:http server) is ${figure(ceiling)}/s; the median is at ${figure(share)} of it`,
      `the last checkpoint and a clean stop right after the window took ${figure(median(this.#stopSeconds))} s (median)`,
    ];
  }
}

async function answerBytes(url: string): Promise<number> {
  const answer = await fetch(url, { method: 'PUT', body: Buffer.alloc(FILE_BYTES, 1) });
  if (answer.status !== 201) throw new Error(`an upload was answered ${answer.status}: ${await answer.text()}`);
  return (await answer.arrayBuffer()).byteLength;
}

interface PlainVariant {
  readonly directories: number;
  /** Threads of libuv's pool. */
  readonly threads: number;
}

/**
 * One directory or as many as the server has shards, Node's own count of threads or four times that: which is fastest
 * differs by disk and by lanes, so all four are tried and the best one is the reference.
 */
const VARIANTS: readonly PlainVariant[] = [1, 256].flatMap((directories) =>
  [4, 16].map((threads) => ({ directories, threads })),
);
const TRIAL_SECONDS = 0.5;
/** Every variant has this many trials, in turn; its best one counts. */
const TRIALS = 2;

class PlainFiles {
  readonly #bench: Bench;
  readonly #lanes: number;
  #variant = VARIANTS[0]!;

  constructor(bench: Bench, lanes: number) {
    this.#bench = bench;
    this.#lanes = lanes;
  }

  async choose(): Promise<void> {
    let best = 0;
    for (const variant of Array.from({ length: TRIALS }, () => VARIANTS).flat()) {
      const perSecond = await this.#write(variant, { warmUpSeconds: 0.2, seconds: TRIAL_SECONDS });
      if (perSecond > best) this.#variant = variant;
      best = Math.max(best, perSecond);
    }
  }

  readonly measure: Measure = () =>
    this.#write(this.#variant, { warmUpSeconds: WARM_UP_SECONDS, seconds: this.#bench.seconds });

  remarks(): string[] {
    const { directories, threads } = this.#variant;
    const where = directories === 1 ? 'one directory' : `${directories} directories`;
    return [
      `plain files are temporary, write, fdatasync, rename, fsync of the directory, ${this.#lanes} at once, in ${where} with UV_THREADPOOL_SIZE=${threads}, the fastest of ${VARIANTS.length} ways tried`,
    ];
  }

  #write({ directories, threads }: PlainVariant, window: { warmUpSeconds: number; seconds: number }): Promise<number> {
    const { workspace } = this.#bench;
    return workspace.withDirectory(async (directory) => {
      await workspace.settle();
      const options: PlainFilesOptions = {
        directory,
        directories,
        lanes: this.#lanes,
        fileBytes: FILE_BYTES,
        ...window,
      };
      const output = await runToEnd(ownProgram('plain-files', JSON.stringify(options)), {
        UV_THREADPOOL_SIZE: String(threads),
      });
      return (JSON.parse(output) as { files_per_second: number }).files_per_second;
    });
  }
}
