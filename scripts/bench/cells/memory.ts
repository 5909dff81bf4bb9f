/**
 * How much memory the server takes above what it has when idle: the highest resident set the kernel saw, from a file of 2
 * GiB or many clients. One round each, because they move tens of gigabytes.
 */
import type { Cell } from '../cell.js';
import { valueAtMost } from '../cell.js';
import { ownProgram, runToEnd } from '../processes.js';
import { PeakMemory } from '../peak-memory.js';
import { Server } from '../server.js';
import type { Bench } from './bench.js';

const MIB = 2 ** 20;
const LARGE_BYTES = 2 * 2 ** 30;
const TRANSFERS = 8;
const SMALL_UPLOADS = 1000;
const SMALL_BYTES = 32 * 1024;
const STALLED_READERS = 500;
const STALL_SECONDS = 10;
const MOST_MIB = 250;
/** The primary and the replicas that a server has by default: copies are made while the memory is watched. */
const STORES = 3;
/** Two segments and what SQLite needs. */
const LOG_BYTES = 256 * MIB;

/** Puts load on the server; `start` says that what is measured begins now. */
type Load = (server: Server, start: () => Promise<void>) => Promise<void>;

export function memoryCells(bench: Bench): Cell[] {
  return [
    memoryCell(bench, { work: '8 uploads of 2 GiB', storedBytes: TRANSFERS * LARGE_BYTES }, async (server, start) => {
      await start();
      await transfers({ operation: 'put', url: putUrl(server), count: TRANSFERS, sizeBytes: LARGE_BYTES });
    }),
    memoryCell(bench, { work: '8 downloads of 2 GiB', storedBytes: LARGE_BYTES }, async (server, start) => {
      const url = await stored(server);
      await start();
      await transfers({ operation: 'get', url, count: TRANSFERS });
    }),
    memoryCell(bench, { work: '1,000 small uploads at once', storedBytes: 0 }, async (server, start) => {
      await start();
      await runToEnd(ownProgram('held-uploads', putUrl(server), String(SMALL_UPLOADS), String(SMALL_BYTES)));
    }),
    memoryCell(bench, { work: '500 readers that do not read', storedBytes: LARGE_BYTES }, async (server, start) => {
      const url = await stored(server);
      await start();
      await runToEnd(ownProgram('stalled-readers', url, String(STALLED_READERS), String(STALL_SECONDS)));
    }),
  ];
}

interface Work {
  readonly work: string;
  /** On one store; gone again after the round. */
  readonly storedBytes: number;
}

function memoryCell({ workspace }: Bench, { work, storedBytes }: Work, load: Load): Cell {
  const measure = (): Promise<number> =>
    workspace.withRemovedDirectory(async (directory) => {
      const server = await Server.start(directory);
      try {
        const memory = new PeakMemory(server.pid);
        await load(server, () => memory.begin());
        return (await memory.peakAboveBeginBytes()) / MIB;
      } finally {
        await server.kill();
      }
    });
  const diskBytes = STORES * storedBytes + LOG_BYTES;
  return { name: `memory of ${work}`, unit: 'MiB', bar: valueAtMost(MOST_MIB), diskBytes, maxRounds: 1, measure };
}

const putUrl = ({ url }: Server): string => `${url}/write?name=bench.bin`;

/** Uploads one large file; gives where it is read. */
async function stored(server: Server): Promise<string> {
  const put = { operation: 'put', url: putUrl(server), count: 1, sizeBytes: LARGE_BYTES };
  const { file_ids: fileIds } = await transfers(put);
  return `${server.url}/download/${fileIds[0]!}`;
}

async function transfers(options: object): Promise<{ readonly file_ids: readonly string[] }> {
  const output = await runToEnd(ownProgram('transfers', JSON.stringify(options)));
  return JSON.parse(output) as { file_ids: string[] };
}
