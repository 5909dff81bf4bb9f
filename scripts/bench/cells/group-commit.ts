/**
 * How many records share one barrier. The barriers are counted by strace and not by the server, in a window of its own,
 * because tracing costs speed; with `--seccomp-bpf` only the traced call stops, all others run on untouched. A stopped
 * barrier takes a little longer, so a few more records may gather behind it than do without strace.
 */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Cell, Measure } from '../cell.js';
import { valueAtLeast } from '../cell.js';
import { countBarriers } from '../count-barriers.js';
import { isInstalled } from '../installed.js';
import { LoadGenerator } from '../load.js';
import { figure } from '../report.js';
import { NO_REPLICAS, Server } from '../server.js';
import { median } from '../statistics.js';
import type { Bench } from './bench.js';
import { FILE_BYTES, PUT_PATH, WARM_UP_SECONDS } from './put.js';

const CONNECTIONS = 32;
/** The server stays the child of this process (`-D`), so that it can be told to stop. */
const TRACER = ['strace', '-D', '-f', '--seccomp-bpf', '-qq', '-ttt', '-y', '-e', 'trace=fdatasync'];

export function groupCommitCells(bench: Bench): Cell[] {
  const perSecond: number[] = [];
  return [
    {
      name: `records per fdatasync, ${CONNECTIONS} connections`,
      unit: 'records',
      bar: valueAtLeast(8),
      diskBytes: bench.rounds * 2 ** 28,
      missing: () => (isInstalled('strace') ? undefined : 'strace is not installed'),
      measure: tracedUploads(bench, perSecond),
      remarks: () =>
        Promise.resolve([`counted by strace, at ${figure(median(perSecond))} uploads/s (median) under its weight`]),
    },
  ];
}

function tracedUploads({ workspace, seconds }: Bench, perSecond: number[]): Measure {
  const load = new LoadGenerator(workspace, FILE_BYTES);
  return () =>
    workspace.withDirectory(async (directory) => {
      await workspace.settle();
      const trace = join(directory, 'trace');
      const server = await Server.start(directory, { ...NO_REPLICAS, launcher: [...TRACER, '-o', trace] });
      try {
        const url = `${server.url}${PUT_PATH}`;
        await load.put({ url, connections: CONNECTIONS, seconds: WARM_UP_SECONDS });
        const before = await server.position();
        const fromSeconds = Date.now() / 1000;
        const result = await load.put({ url, connections: CONNECTIONS, seconds });
        const after = await server.position();
        const untilSeconds = Date.now() / 1000;
        // Its end is what makes strace write out the rest of the trace.
        await server.stop();
        perSecond.push(result.requests / result.seconds);
        const window = { fromSeconds, untilSeconds, below: join(directory, 'wal', 'segments') };
        return (after.committed_lsn - before.committed_lsn) / countBarriers(await readFile(trace, 'utf8'), window);
      } finally {
        await server.kill();
      }
    });
}
