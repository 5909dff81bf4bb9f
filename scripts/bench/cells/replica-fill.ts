/** How fast an idle server fills new replicas with what it has: many small files, and a large one. */
import { join } from 'node:path';
import { rm } from 'node:fs/promises';
import type { Cell } from '../cell.js';
import { ratioAtLeast, valueAtLeast } from '../cell.js';
import { copyDirectory } from '../copy-directory.js';
import { ownProgram, runToEnd } from '../processes.js';
import { writeRandomFile } from '../random-file.js';
import { countObjects, untilFilled } from '../replicas.js';
import { NO_REPLICAS, replicasOf, Server, walPathOf } from '../server.js';
import type { Bench } from './bench.js';
import { FILE_BYTES } from './put.js';

const MIB = 2 ** 20;
const SMALL_FILES = 20_000;
const LARGE_BYTES = 2 ** 30;
const CHUNK_BYTES = MIB;

export const replicaFillCells = (bench: Bench): Cell[] => [smallFilesCell(bench), largeFileCell(bench)];

function smallFilesCell({ workspace, rounds }: Bench): Cell {
  let filled = '';
  return {
    name: 'small files replicated, idle server, two stores',
    unit: '/s and store',
    bar: valueAtLeast(4_000),
    // Three stores of small files, and those that are copied from.
    diskBytes: (3 * rounds + 1) * 2 ** 28,
    prepare: async () => {
      filled = await workspace.newDirectory();
      await (await Server.start(filled, NO_REPLICAS)).kill();
      await runToEnd(ownProgram('write-log', walPathOf(filled), String(SMALL_FILES), String(FILE_BYTES)));
      await (await Server.start(filled, NO_REPLICAS)).stop();
    },
    measure: () =>
      workspace.withDirectory(async (installation) => {
        await copyDirectory({ from: filled, to: installation });
        await workspace.settle();
        const server = await Server.start(installation);
        try {
          const startedMs = performance.now();
          await untilFilled(server, { replicas: replicasOf(installation), files: SMALL_FILES });
          return SMALL_FILES / ((performance.now() - startedMs) / 1000);
        } finally {
          await server.kill();
        }
      }),
  };
}

function largeFileCell({ workspace }: Bench): Cell {
  let installation = '';
  let plainFile = '';
  return {
    name: '1 GiB replicated',
    unit: 'MiB/s',
    bar: ratioAtLeast(0.7),
    diskBytes: 4 * LARGE_BYTES,
    prepare: async () => {
      installation = await workspace.newDirectory();
      plainFile = join(await workspace.newDirectory(), 'plain');
      await writeRandomFile(plainFile, LARGE_BYTES);
      const server = await Server.start(installation, NO_REPLICAS);
      try {
        const put = { operation: 'put', url: `${server.url}/write?name=large.bin`, count: 1, path: plainFile };
        await runToEnd(ownProgram('transfers', JSON.stringify(put)));
        await server.stop();
      } finally {
        await server.kill();
      }
    },
    // Another replica in every round; nothing is owed to those before it.
    measure: async (round) => {
      const replica = join(installation, `replica-${round}`);
      await workspace.settle();
      const server = await Server.start(installation, { settings: { REPLICAS: replica } });
      try {
        const startedMs = performance.now();
        await untilFilled(server, { replicas: [replica], files: 1 });
        const seconds = (performance.now() - startedMs) / 1000;
        const chunks = await countObjects(replica, 'chunks');
        if (chunks !== LARGE_BYTES / CHUNK_BYTES) throw new Error(`the replica has ${chunks} chunks`);
        await server.stop();
        return LARGE_BYTES / MIB / seconds;
      } finally {
        await server.kill();
        await rm(replica, { recursive: true, force: true });
      }
    },
    reference: {
      name: 'plain copy + fsync',
      measure: () =>
        workspace.withRemovedDirectory(async (directory) => {
          await workspace.settle();
          const output = await runToEnd(ownProgram('plain-copy', plainFile, join(directory, 'copy')));
          return LARGE_BYTES / MIB / (JSON.parse(output) as { seconds: number }).seconds;
        }),
    },
    remarks: () => Promise.resolve(['both read from the cache of the disk; the copy verifies every chunk by SHA-256']),
  };
}
