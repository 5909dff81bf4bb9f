/** What an upload that waits for its copies costs its caller, against one that does not, on the same server. */
import type { Cell } from '../cell.js';
import { ratioAtMost } from '../cell.js';
import { ownProgram, runToEnd } from '../processes.js';
import type { PutLatency } from '../programs/put-latency.js';
import { assertCopied, untilNothingOwed } from '../replicas.js';
import { replicasOf, Server } from '../server.js';
import { median } from '../statistics.js';
import type { Bench } from './bench.js';
import { PUT_PATH } from './put.js';

const FILE_BYTES = 2 ** 20;
const FILES = 100;
const WARM_UP_FILES = 20;
const COPIES = 3;

export function syncPutCells({ workspace, rounds }: Bench): Cell[] {
  let installation = '';
  let server: Server | undefined;
  /** Milliseconds of each upload; what they left to copy has been copied when this returns. */
  const uploads = async (put: Pick<PutLatency, 'replication' | 'files'>): Promise<readonly number[]> => {
    const options: PutLatency = { url: `${server!.url}${PUT_PATH}`, fileBytes: FILE_BYTES, ...put };
    const output = await runToEnd(ownProgram('put-latency', JSON.stringify(options)));
    const replicas = replicasOf(installation);
    await untilNothingOwed(server!, replicas.length);
    await assertCopied(installation, replicas);
    await workspace.settle();
    return (JSON.parse(output) as { milliseconds: number[] }).milliseconds;
  };
  return [
    {
      name: 'sync wait=all, 1 MiB, p50',
      unit: 'ms',
      bar: ratioAtMost(3),
      diskBytes: (2 * rounds + 1) * FILES * FILE_BYTES * COPIES + 2 ** 28,
      prepare: async () => {
        installation = await workspace.newDirectory();
        server = await Server.start(installation);
        for (const replication of ['sync', 'async'] as const) await uploads({ replication, files: WARM_UP_FILES });
      },
      measure: async () => median(await uploads({ replication: 'sync', files: FILES })),
      reference: {
        name: 'async',
        measure: async () => median(await uploads({ replication: 'async', files: FILES })),
      },
      finish: async () => server?.kill(),
    },
  ];
}
