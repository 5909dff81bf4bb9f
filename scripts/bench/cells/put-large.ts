/** A large upload against a bare server that keeps as much of a promise as one file can. */
import type { Cell } from '../cell.js';
import { ratioAtLeast } from '../cell.js';
import { portIn } from '../generator-ceiling.js';
import { endProgram, ownProgram, runToEnd, startProgram } from '../processes.js';
import { NO_REPLICAS, Server } from '../server.js';
import { join } from 'node:path';
import type { Bench } from './bench.js';

const MIB = 2 ** 20;
const FILE_BYTES = 2 ** 30;

export function largePutCells({ workspace }: Bench): Cell[] {
  return [
    {
      name: '1 GiB PUT',
      unit: 'MiB/s',
      bar: ratioAtLeast(0.8),
      diskBytes: 2 * FILE_BYTES,
      measure: () =>
        workspace.withRemovedDirectory(async (directory) => {
          const server = await Server.start(directory, NO_REPLICAS);
          try {
            await workspace.settle();
            return await upload(server.url);
          } finally {
            await server.kill();
          }
        }),
      reference: {
        name: 'node:http to one file',
        measure: () =>
          workspace.withRemovedDirectory(async (directory) => {
            const outputPath = join(directory, 'output');
            const server = startProgram(ownProgram('hashing-server', directory), { outputPath });
            try {
              await workspace.settle();
              return await upload(`http://127.0.0.1:${await portIn(outputPath)}`);
            } finally {
              await endProgram(server, 'SIGKILL');
            }
          }),
      },
    },
  ];
}

/** MiB per second, from the first byte to the answer. */
async function upload(serverUrl: string): Promise<number> {
  const put = { operation: 'put', url: `${serverUrl}/write?name=large.bin`, count: 1, sizeBytes: FILE_BYTES };
  const { seconds } = JSON.parse(await runToEnd(ownProgram('transfers', JSON.stringify(put)))) as { seconds: number };
  return FILE_BYTES / MIB / seconds;
}
