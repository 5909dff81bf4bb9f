/** How far the replicas are behind after a burst of uploads, and how soon they are not: embedded, and by way of Redis. */
import type { Cell } from '../cell.js';
import { ownProgram, runToEnd } from '../processes.js';
import type { PutFiles } from '../programs/put-files.js';
import { redisMissing } from '../redis.js';
import { withReplication } from '../replicating.js';
import type { CopiedBy } from '../replicating.js';
import { assertCopied, lagOf, untilNothingOwed } from '../replicas.js';
import { figure } from '../report.js';
import { replicasOf } from '../server.js';
import { median } from '../statistics.js';
import type { Bench } from './bench.js';
import { FILE_BYTES, PUT_PATH } from './put.js';

const FILES = 10_000;
const CONNECTIONS = 32;

export function burstLagCells(bench: Bench): Cell[] {
  return [burstLagCell(bench, 'a thread'), { ...burstLagCell(bench, 'Redis and a worker'), missing: redisMissing }];
}

function burstLagCell({ workspace, rounds }: Bench, copiedBy: CopiedBy): Cell {
  const lags: number[] = [];
  const burstSeconds: number[] = [];
  return {
    name: `burst of 10,000 small files, time until lag is zero, copied by ${copiedBy}`,
    unit: 's',
    diskBytes: rounds * 2 ** 29,
    measure: () =>
      workspace.withDirectory(async (installation) => {
        await workspace.settle();
        return withReplication({ installation, copiedBy }, async (server) => {
          const url = `${server.url}${PUT_PATH}`;
          const put: PutFiles = { url, files: FILES, connections: CONNECTIONS, fileBytes: FILE_BYTES };
          const { seconds } = JSON.parse(await runToEnd(ownProgram('put-files', JSON.stringify(put)))) as {
            seconds: number;
          };
          const endedMs = performance.now();
          const replicas = replicasOf(installation);
          lags.push(await lagOf(server, replicas.length));
          burstSeconds.push(seconds);
          await untilNothingOwed(server, replicas.length);
          const drainSeconds = (performance.now() - endedMs) / 1000;
          const copied = await assertCopied(installation, replicas);
          if (copied !== FILES) throw new Error(`${FILES} files were stored, ${copied} were copied`);
          return drainSeconds;
        });
      }),
    remarks: () =>
      Promise.resolve([
        `the burst took ${figure(median(burstSeconds))} s, and at its end the replicas were ${figure(median(lags))} files behind (medians)`,
      ]),
  };
}
