/** The most that the load generator could show of any server: the same requests to one that only reads and answers. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { LoadGenerator } from './load.js';
import { endProgram, ownProgram, startProgram } from './processes.js';
import type { Workspace } from './workspace.js';

const START_TIMEOUT_MS = 10_000;
const POLL_MS = 10;

export interface CeilingOptions {
  readonly connections: number;
  readonly seconds: number;
  /** Size of the answers. */
  readonly answerBytes: number;
}

/** Requests per second. */
export function generatorCeiling(
  workspace: Workspace,
  load: LoadGenerator,
  { connections, seconds, answerBytes }: CeilingOptions,
): Promise<number> {
  return workspace.withDirectory(async (directory) => {
    const outputPath = join(directory, 'output');
    const server = startProgram(ownProgram('bare-server', String(answerBytes)), { outputPath });
    try {
      const url = `http://127.0.0.1:${await portIn(outputPath)}/write?name=bench.bin`;
      await load.put({ url, connections, seconds: 1 });
      const result = await load.put({ url, connections, seconds });
      return result.requests / result.seconds;
    } finally {
      await endProgram(server, 'SIGKILL');
    }
  });
}

/** The port that a program says on its first line. */
export async function portIn(outputPath: string): Promise<string> {
  const deadlineMs = performance.now() + START_TIMEOUT_MS;
  while (performance.now() < deadlineMs) {
    const port = /^PORT (\d+)$/m.exec(await readFile(outputPath, 'utf8'))?.[1];
    if (port !== undefined) return port;
    await delay(POLL_MS);
  }
  throw new Error(`the server does not start: ${await readFile(outputPath, 'utf8')}`);
}
