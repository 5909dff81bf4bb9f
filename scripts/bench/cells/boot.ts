/** How soon a new installation serves: from the start of the process to the first 200 of `/ready`. */
import type { Cell } from '../cell.js';
import { valueAtMost } from '../cell.js';
import { NO_REPLICAS, Server } from '../server.js';
import type { Bench } from './bench.js';

export function bootCells({ workspace, rounds }: Bench): Cell[] {
  return [{ name: 'boot with an empty log', unit: 's', bar: valueAtMost(2), diskBytes: rounds * 2 ** 27, measure }];

  function measure(): Promise<number> {
    return workspace.withDirectory(async (directory) => {
      await workspace.settle();
      const startedMs = performance.now();
      const server = await Server.start(directory, NO_REPLICAS);
      const seconds = (performance.now() - startedMs) / 1000;
      await server.kill();
      return seconds;
    });
  }
}
