/**
 * A hundred thousand files owed to a replica that has been away from the start: nothing of them is in memory, and nobody
 * waits because of them. And then the replica is taken out of the settings, and all of it is forgotten.
 */
import { execFile } from 'node:child_process';
import { readFile, rename } from 'node:fs/promises';
import { resolve } from 'node:path';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';
import { store } from '../server/file-client.js';
import { startServer } from '../server/harness.js';
import type { TestServer } from '../server/harness.js';
import { testBytes } from '../server/http-client.js';
import type { Environment } from '../server/installation.js';
import { ServerProcess } from '../server/server-process.js';
import { replicaOf } from './copies.js';
import { statusOf, sync } from './replica-client.js';
import { eventually } from './wait-until.js';

const MIB = 2 ** 20;
const FILES = 100_000;
const FILE_BYTES = 200;
const UPLOADS = 500;
const UPLOADS_AT_ONCE = 10;
/** Rows and jobs of what is in flight at most, twice over; a row of each file in memory would take more than three times as much. */
const BOUND_BYTES = 16 * MIB;
const TIMEOUT_MS = 10 * 60_000;

const ROOT = resolve(import.meta.dirname, '../..');

/** Appends the files to the log of a stopped installation, as if they had been uploaded and the server killed. */
async function writeLog(walPath: string): Promise<void> {
  const program = resolve(ROOT, 'scripts/bench/programs/write-log.ts');
  const loader = ['--experimental-strip-types', '--import', resolve(ROOT, 'scripts/resolve-typescript.mjs')];
  await promisify(execFile)(process.execPath, [...loader, program, walPath, String(FILES), String(FILE_BYTES)]);
}

/** The first start has the whole log to replay, which may take longer than a start is given here. */
async function replay(environment: Environment): Promise<void> {
  const replaying = new ServerProcess(environment);
  try {
    await replaying.url(TIMEOUT_MS);
  } finally {
    await replaying.stop('SIGTERM');
  }
}

async function peakResidentBytes(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8');
  return Number(/^VmHWM:\s+(\d+) kB$/m.exec(status)![1]) * 1024;
}

/** The most that was ever resident of a process that has just started, served uploads and answered for its replicas. */
async function peakOfStart(server: TestServer): Promise<number> {
  const startedAtMs = performance.now();
  await server.restart();
  const startMs = performance.now() - startedAtMs;
  for (let serial = 0; serial < UPLOADS; serial += UPLOADS_AT_ONCE) {
    const batch = Array.from({ length: UPLOADS_AT_ONCE }, (_, index) => serial + index + 1);
    await Promise.all(batch.map((seed) => store(server.url, { name: 'more', content: testBytes(FILE_BYTES, seed) })));
  }
  await sync(server);
  const peakBytes = await peakResidentBytes(server.process.pid);
  const owed = (await statusOf(server))[0]?.lag.files ?? 0;
  console.log(`${owed} files owed: stop and start ${Math.round(startMs)} ms, peak ${Math.round(peakBytes / MIB)} MiB`);
  return peakBytes;
}

it(
  'takes no more memory, start or upload for a hundred thousand files that are owed, and forgets them with their store',
  async () => {
    const server = await startServer({ WAL_SEGMENT_SIZE: '64MiB', WAL_MAX_SIZE: '1GiB' });
    const environment = server.installation.environment as Record<string, string>;
    const path = replicaOf(server, 'replica1');
    environment['REPLICAS'] = path;
    await server.process.stop('SIGTERM');
    await rename(path, `${path}.away`);
    await writeLog(server.installation.wal);
    await replay(server.installation.environment);
    await server.start();
    expect((await statusOf(server))[0]!.lag.files).toBe(FILES);

    const owing = await peakOfStart(server);
    const [status] = await statusOf(server);
    expect([status!.state, status!.lag.files]).toEqual(['offline', FILES + UPLOADS]);

    environment['REPLICAS'] = '';
    await server.restart();
    await eventually(() => statusOf(server), []);
    const free = await peakOfStart(server);
    expect(owing - free).toBeLessThan(BOUND_BYTES);
  },
  TIMEOUT_MS,
);
