/** Small uploads while their copies are made, and how soon after them the last copy is there. */
import type { Cell, Measure } from '../cell.js';
import { ratioAtLeast, valueAtMost } from '../cell.js';
import { LoadGenerator } from '../load.js';
import { redisMissing } from '../redis.js';
import { withReplication } from '../replicating.js';
import type { CopiedBy } from '../replicating.js';
import { assertCopied, untilNothingOwed } from '../replicas.js';
import { NO_REPLICAS, replicasOf, Server } from '../server.js';
import type { Bench } from './bench.js';
import { FILE_BYTES, PUT_PATH, WARM_UP_SECONDS } from './put.js';

const CONNECTIONS = 32;
/** Files, their copies, and the log. */
const ROUND_BYTES = 2 ** 30;

export function replicatedPutCells(bench: Bench): Cell[] {
  const bursts = new Bursts(bench, 'a thread');
  const byRedis = new Bursts(bench, 'Redis and a worker');
  const reference = { name: 'no replicas', measure: withoutReplicas(bench) };
  const diskBytes = bench.rounds * ROUND_BYTES;
  return [
    {
      name: '4 KiB PUT, 32 connections, two async replicas',
      unit: '/s',
      bar: ratioAtLeast(0.6),
      diskBytes,
      measure: async (round) => (await bursts.of(round)).perSecond,
      reference,
    },
    {
      name: 'backlog of that burst, time to zero / length of the burst',
      unit: '',
      bar: valueAtMost(1),
      diskBytes,
      measure: async (round) => (await bursts.of(round)).backlog,
    },
    {
      name: '4 KiB PUT, 32 connections, two replicas by Redis and a worker',
      unit: '/s',
      diskBytes,
      missing: redisMissing,
      measure: async (round) => (await byRedis.of(round)).perSecond,
      reference,
    },
    {
      name: 'backlog of the burst by Redis, time to zero / length of the burst',
      unit: '',
      diskBytes,
      missing: redisMissing,
      measure: async (round) => (await byRedis.of(round)).backlog,
    },
  ];
}

interface Burst {
  readonly perSecond: number;
  /** How long it took until nothing was owed any more, as a part of the burst's own length. */
  readonly backlog: number;
}

/** One burst a round has both figures, whichever cell asks first. */
class Bursts {
  readonly #bench: Bench;
  readonly #copiedBy: CopiedBy;
  readonly #load: LoadGenerator;
  readonly #rounds = new Map<number, Promise<Burst>>();

  constructor(bench: Bench, copiedBy: CopiedBy) {
    this.#bench = bench;
    this.#copiedBy = copiedBy;
    this.#load = new LoadGenerator(bench.workspace, FILE_BYTES);
  }

  of(round: number): Promise<Burst> {
    const burst = this.#rounds.get(round) ?? this.#measure();
    this.#rounds.set(round, burst);
    return burst;
  }

  #measure(): Promise<Burst> {
    const { workspace, seconds } = this.#bench;
    return workspace.withDirectory(async (installation) => {
      await workspace.settle();
      return withReplication({ installation, copiedBy: this.#copiedBy }, async (server) => {
        const load = { url: `${server.url}${PUT_PATH}`, connections: CONNECTIONS };
        const replicas = replicasOf(installation);
        await this.#load.put({ ...load, seconds: WARM_UP_SECONDS });
        await untilNothingOwed(server, replicas.length);
        const before = await assertCopied(installation, replicas);
        const burst = await this.#load.put({ ...load, seconds });
        const endedMs = performance.now();
        await untilNothingOwed(server, replicas.length);
        const drainSeconds = (performance.now() - endedMs) / 1000;
        const copied = (await assertCopied(installation, replicas)) - before;
        if (copied < burst.requests) throw new Error(`${burst.requests} uploads were answered, ${copied} were copied`);
        return { perSecond: burst.requests / burst.seconds, backlog: drainSeconds / burst.seconds };
      });
    });
  }
}

function withoutReplicas({ workspace, seconds }: Bench): Measure {
  const generator = new LoadGenerator(workspace, FILE_BYTES);
  return () =>
    workspace.withDirectory(async (installation) => {
      await workspace.settle();
      const server = await Server.start(installation, NO_REPLICAS);
      try {
        const load = { url: `${server.url}${PUT_PATH}`, connections: CONNECTIONS };
        await generator.put({ ...load, seconds: WARM_UP_SECONDS });
        const result = await generator.put({ ...load, seconds });
        return result.requests / result.seconds;
      } finally {
        await server.kill();
      }
    });
}
