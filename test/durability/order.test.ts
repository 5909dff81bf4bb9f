/** Watches the system calls of a real server: what was durable when the answer left, and when a chunk appeared. */
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { store } from '../server/file-client.js';
import type { StoredFile } from '../server/file-client.js';
import { testBytes } from '../server/http-client.js';
import { CHUNK_SIZE, makeInstallation } from '../server/installation.js';
import { isInstalled } from '../server/required-program.js';
import { ServerProcess } from '../server/server-process.js';
import { firstAfter, isRename, isSync, isWrite, on, parseTrace } from './system-calls.js';
import type { SystemCall } from './system-calls.js';

const TRACED = 'trace=fdatasync,fsync,pwrite64,write,writev,rename,renameat,renameat2';
/** Enough of each buffer to see the file's id in a frame and the status in an answer. */
const SHOWN_BYTES = '600';
const SMALL_FILES = 5;
const CHUNKS = 4;

interface Traced {
  readonly calls: readonly SystemCall[];
  readonly small: readonly StoredFile[];
  readonly large: StoredFile;
}

/** One client, one upload at a time: each answer in the trace belongs to the append before it. */
async function traceUploads(): Promise<Traced> {
  const directory = await mkdtemp(join(tmpdir(), 'holdfast-trace-'));
  const installation = await makeInstallation({ WAL_SEGMENT_SIZE: '1MiB' });
  try {
    const output = join(directory, 'trace');
    const launcher = ['strace', '-f', '-ttt', '-y', '-e', TRACED, '-s', SHOWN_BYTES, '-o', output];
    const server = new ServerProcess(installation.environment, launcher);
    const url = await server.url();
    const small: StoredFile[] = [];
    for (let index = 0; index < SMALL_FILES; index += 1) {
      small.push(await store(url, { name: `small-${index}`, content: testBytes(1000, index) }));
    }
    const large = await store(url, { name: 'large', content: testBytes(CHUNKS * CHUNK_SIZE) });
    // strace is the child; the server is stopped through the note in its lock.
    const holder = JSON.parse(await readFile(join(installation.wal, 'LOCK.holder.json'), 'utf8')) as { pid: number };
    process.kill(holder.pid, 'SIGTERM');
    await server.exited;
    return { calls: parseTrace(await readFile(output, 'utf8')), small, large };
  } finally {
    await installation.remove();
    await rm(directory, { recursive: true });
  }
}

describe.skipIf(!isInstalled('strace'))('in the system calls of a server (needs strace)', () => {
  let traced: Traced;
  beforeAll(async () => {
    traced = await traceUploads();
  });

  it('no 201 leaves before the fdatasync that covers its record has returned', () => {
    for (const { file_id: fileId } of [...traced.small, traced.large]) {
      const { record, barrier, answer } = commitOf(traced.calls, fileId);
      expect(barrier.began, fileId).toBeGreaterThan(record.ended);
      expect(answer.began, fileId).toBeGreaterThan(barrier.ended);
    }
  });

  it('no chunk appears under its name before upload_begin is durable', () => {
    const { calls, large } = traced;
    const begin = firstAfter(calls, -1, (call) => isWrite(call) && on('/segments/')(call) && on(large.file_id)(call));
    const barrier = firstAfter(calls, begin!.ended, (call) => isSync(call) && on('/segments/')(call));
    const published = calls.filter((call) => isRename(call) && on('/chunks/')(call));
    expect(published).toHaveLength(CHUNKS);
    for (const rename of published) expect(rename.began).toBeGreaterThan(barrier!.ended);
  });

  it('every chunk is synced before it has its name, and its directory before the file is logged', () => {
    const { calls, large } = traced;
    const { record } = commitOf(calls, large.file_id);
    for (const rename of calls.filter((call) => isRename(call) && on('/chunks/')(call))) {
      const [, staged, chunk] = /"([^"]+)".*"([^"]+)"/.exec(rename.text)!;
      const synced = calls.find((call) => isSync(call) && on(`<${staged}>`)(call));
      expect(synced!.ended).toBeLessThan(rename.began);
      const shard = chunk!.slice(0, chunk!.lastIndexOf('/'));
      const named = firstAfter(calls, rename.ended, (call) => isSync(call) && on(`<${shard}>`)(call));
      expect(named!.ended).toBeLessThan(record.began);
    }
  });
});

/** The last write of a file's id into the log is its `file_put`; the barrier behind it; the first answer that has the id. */
function commitOf(calls: readonly SystemCall[], fileId: string): Record<'record' | 'barrier' | 'answer', SystemCall> {
  const record = calls.findLast((call) => isWrite(call) && on('/segments/')(call) && on(fileId)(call))!;
  const barrier = firstAfter(calls, record.ended, (call) => isSync(call) && on('/segments/')(call))!;
  const answer = calls.find((call) => isWrite(call) && on('HTTP/1.1 201')(call) && on(fileId)(call))!;
  return { record, barrier, answer };
}
