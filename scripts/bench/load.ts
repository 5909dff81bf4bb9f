/**
 * Uploads as fast as the server answers, over a number of connections. `wrk` makes them where it is installed, because it
 * takes the least of the processors that it shares with the server; otherwise a generator of our own.
 */
import { randomBytes } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { isInstalled } from './installed.js';
import { ownProgram, runToEnd } from './processes.js';
import type { Workspace } from './workspace.js';

export interface LoadRequest {
  readonly url: string;
  readonly connections: number;
  readonly seconds: number;
}

export interface LoadResult {
  /** Answered within the window. */
  readonly requests: number;
  readonly seconds: number;
  /** Requests without an answer, or with one that is no success. */
  readonly failures: number;
}

export const generatorName = (): 'wrk' | 'node:http' => (isInstalled('wrk') ? 'wrk' : 'node:http');

export class LoadGenerator {
  readonly #workspace: Workspace;
  readonly #bodyBytes: number;
  #files: Promise<{ readonly body: string; readonly script: string }> | undefined;

  constructor(workspace: Workspace, bodyBytes: number) {
    this.#workspace = workspace;
    this.#bodyBytes = bodyBytes;
  }

  /** PUTs for so long. Throws where a single one was not answered with a success: its speed would mean nothing. */
  async put(request: LoadRequest): Promise<LoadResult> {
    this.#files ??= this.#writeFiles();
    const { body, script } = await this.#files;
    const output = await runToEnd(generatorName() === 'wrk' ? wrkCommand(request, script) : ownCommand(request, body));
    const result = parseLoadResult(output);
    if (result.failures > 0)
      throw new Error(`${result.failures} of ${result.requests} requests failed at ${request.url}`);
    return result;
  }

  /** Random bytes: nothing on the way to the disk can make them fewer. */
  async #writeFiles(): Promise<{ body: string; script: string }> {
    const directory = await this.#workspace.newDirectory();
    const body = join(directory, 'body');
    const script = join(directory, 'put.lua');
    await writeFile(body, randomBytes(this.#bodyBytes));
    await writeFile(script, luaScript(body));
    return { body, script };
  }
}

function wrkCommand({ url, connections, seconds }: LoadRequest, script: string): string[] {
  return [
    'wrk',
    '--threads',
    '1',
    '--connections',
    String(connections),
    '--duration',
    `${seconds}s`,
    '-s',
    script,
    url,
  ];
}

function ownCommand(request: LoadRequest, body: string): string[] {
  return ownProgram('put-load', JSON.stringify({ ...request, body }));
}

/** wrk counts an answer above 399 as a failed status; its own report has no figure to rely on, so `done` prints one. */
function luaScript(bodyPath: string): string {
  return `wrk.method = "PUT"
wrk.body = io.open(${JSON.stringify(bodyPath)}, "rb"):read("*a")
done = function(summary)
  local e = summary.errors
  io.write(string.format('\\nRESULT {"requests":%d,"seconds":%.6f,"failures":%d}\\n',
    summary.requests, summary.duration / 1e6, e.connect + e.read + e.write + e.status + e.timeout))
end
`;
}

/** The line `RESULT {…}` of a generator. Pure. */
export function parseLoadResult(output: string): LoadResult {
  const line = /^RESULT (\{.*\})$/m.exec(output)?.[1];
  if (line === undefined) throw new Error(`the load generator gave no result: ${output}`);
  const result = JSON.parse(line) as LoadResult;
  if (!(result.requests > 0 && result.seconds > 0)) throw new Error(`the load generator had no answer: ${line}`);
  return result;
}
