/**
 * Requests as fast as the server answers, over a number of connections. `wrk` makes them where it is installed, because it
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
  /** Received, headers included where wrk counts, also of an answer that the end of the window cut. */
  readonly bytes: number;
  /** Requests without an answer, or with one that is no success. */
  readonly failures: number;
}

export const generatorName = (): 'wrk' | 'node:http' => (isInstalled('wrk') ? 'wrk' : 'node:http');

/** PUTs of one body. */
export class LoadGenerator {
  readonly #workspace: Workspace;
  readonly #bodyBytes: number;
  #files: Promise<LoadFiles> | undefined;

  constructor(workspace: Workspace, bodyBytes: number) {
    this.#workspace = workspace;
    this.#bodyBytes = bodyBytes;
  }

  /** PUTs for so long. Throws where a single one was not answered with a success: its speed would mean nothing. */
  async put(request: LoadRequest): Promise<LoadResult> {
    this.#files ??= this.#writeFiles();
    return run(request, await this.#files);
  }

  /** Random bytes: nothing on the way to the disk can make them fewer. */
  async #writeFiles(): Promise<LoadFiles> {
    const directory = await this.#workspace.newDirectory();
    const body = join(directory, 'body');
    await writeFile(body, randomBytes(this.#bodyBytes));
    return { body, script: await writeScript(directory, body) };
  }
}

/** GETs of one address for so long. Throws as `LoadGenerator.put` does. */
export async function download(workspace: Workspace, request: LoadRequest): Promise<LoadResult> {
  return run(request, { body: undefined, script: await writeScript(await workspace.newDirectory(), undefined) });
}

interface LoadFiles {
  readonly body: string | undefined;
  readonly script: string;
}

async function run(request: LoadRequest, { body, script }: LoadFiles): Promise<LoadResult> {
  const own = ownProgram('http-load', JSON.stringify({ ...request, body }));
  const result = parseLoadResult(await runToEnd(generatorName() === 'wrk' ? wrkCommand(request, script) : own));
  if (result.failures > 0)
    throw new Error(`${result.failures} of ${result.requests} requests failed at ${request.url}`);
  return result;
}

/** An answer of a gigabyte takes its time. */
const TIMEOUT_SECONDS = 60;

function wrkCommand({ url, connections, seconds }: LoadRequest, script: string): string[] {
  const load = ['--threads', '1', '--connections', String(connections), '--duration', `${seconds}s`];
  return ['wrk', ...load, '--timeout', `${TIMEOUT_SECONDS}s`, '-s', script, url];
}

/** wrk counts an answer above 399 as a failed status; its own report has no figure to rely on, so `done` prints one. */
async function writeScript(directory: string, bodyPath: string | undefined): Promise<string> {
  const path = join(directory, 'load.lua');
  const body = `wrk.method = "PUT"
wrk.body = io.open(${JSON.stringify(bodyPath)}, "rb"):read("*a")
`;
  const result = `done = function(summary)
  local e = summary.errors
  io.write(string.format('\\nRESULT {"requests":%d,"seconds":%.6f,"bytes":%d,"failures":%d}\\n',
    summary.requests, summary.duration / 1e6, summary.bytes, e.connect + e.read + e.write + e.status + e.timeout))
end
`;
  await writeFile(path, bodyPath === undefined ? result : body + result);
  return path;
}

/** The line `RESULT {…}` of a generator. Pure. */
export function parseLoadResult(output: string): LoadResult {
  const line = /^RESULT (\{.*\})$/m.exec(output)?.[1];
  if (line === undefined) throw new Error(`the load generator gave no result: ${output}`);
  const result = JSON.parse(line) as LoadResult;
  if (!(result.bytes > 0 && result.seconds > 0)) throw new Error(`the load generator had no answer: ${line}`);
  return result;
}
