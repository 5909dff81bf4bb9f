/**
 * Watches the system calls of a real server, all of its threads: when a synchronous upload is answered with 201, every byte
 * of its copies and every name of them has been synced on every replica.
 */
import { createHash } from 'node:crypto';
import { mkdtemp, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { recordPath } from '../replication/stores.js';
import type { StoredFile } from '../server/file-client.js';
import { ask, testBytes } from '../server/http-client.js';
import { CHUNK_SIZE, makeInstallation } from '../server/installation.js';
import { isInstalled } from '../server/required-program.js';
import { ServerProcess } from '../server/server-process.js';
import { isWrite, on, parseTrace } from './system-calls.js';
import type { SystemCall } from './system-calls.js';
import { TRACED_CALLS, tracedStore } from './traced-store.js';

/** Enough of an answer to see its status and the file's id. */
const SHOWN_BYTES = '600';
/** In the manifest; in few chunks, each synced alone; in so many that the disk is synced as a whole. */
const SIZES = [1000, 3 * CHUNK_SIZE, 48 * CHUNK_SIZE];

interface Upload {
  readonly fileId: string;
  readonly sizeBytes: number;
  /** Below the root of any store, with the sizes that stand there. */
  readonly copies: readonly { readonly replica: string; readonly path: string; readonly sizeBytes: number }[];
}

interface Traced {
  readonly calls: readonly SystemCall[];
  readonly uploads: readonly Upload[];
}

async function traceUploads(): Promise<Traced> {
  const directory = await mkdtemp(join(tmpdir(), 'holdfast-trace-'));
  const installation = await makeInstallation({ WAL_SEGMENT_SIZE: '1MiB', REPLICATION_TIMEOUT: '1m' });
  try {
    const output = join(directory, 'trace');
    const launcher = ['strace', '-f', '-ttt', '-y', '-e', TRACED_CALLS, '-s', SHOWN_BYTES, '-o', output];
    const server = new ServerProcess(installation.environment, launcher);
    const url = await server.url();
    const replicas = ['replica1', 'replica2'].map((name) => join(installation.directory, name));
    const uploads: Upload[] = [];
    for (const [index, sizeBytes] of SIZES.entries()) {
      const body = testBytes(sizeBytes, index);
      const answer = await ask(`${url}/write?name=f&replication=sync&wait=all`, { method: 'PUT', body });
      expect(answer.status, answer.body.toString()).toBe(201);
      const { file_id: fileId } = answer.json<StoredFile>();
      uploads.push({ fileId, sizeBytes, copies: await copiesOf({ fileId, body, replicas }) });
    }
    // strace is the child; the server is stopped through the note in its lock.
    const holder = JSON.parse(await readFile(join(installation.wal, 'LOCK.holder.json'), 'utf8')) as { pid: number };
    process.kill(holder.pid, 'SIGTERM');
    await server.exited;
    return { calls: parseTrace(await readFile(output, 'utf8')), uploads };
  } finally {
    await installation.remove();
    await rm(directory, { recursive: true });
  }
}

/** The manifest and the chunks that must stand on the replicas; throws where one does not. */
async function copiesOf({ fileId, body, replicas }: { fileId: string; body: Buffer; replicas: readonly string[] }) {
  const chunks = body.length > CHUNK_SIZE ? Array.from({ length: body.length / CHUNK_SIZE }, (_, index) => index) : [];
  const chunkIds = chunks.map((index) =>
    createHash('sha256')
      .update(body.subarray(index * CHUNK_SIZE, (index + 1) * CHUNK_SIZE))
      .digest('hex'),
  );
  const paths = replicas.flatMap((replica) => [
    { replica, path: recordPath(replica, 'manifests', fileId) },
    ...chunkIds.map((id) => ({ replica, path: join(replica, 'chunks', id.slice(0, 2), id) })),
  ]);
  return Promise.all(paths.map(async (copy) => ({ ...copy, sizeBytes: (await stat(copy.path)).size })));
}

describe.skipIf(!isInstalled('strace'))('in the system calls of a server (needs strace)', () => {
  let traced: Traced;
  beforeAll(async () => {
    traced = await traceUploads();
  });

  it.each(SIZES)('a synchronous upload of %d bytes is answered when its copies are synced', (sizeBytes) => {
    const { calls, uploads } = traced;
    const { fileId, copies } = uploads.find((upload) => upload.sizeBytes === sizeBytes)!;
    const answer = calls.find((call) => isWrite(call) && on('HTTP/1.1 201')(call) && on(fileId)(call))!;
    for (const { replica, path, sizeBytes: bytes } of copies) {
      const file = tracedStore(calls, { root: replica, position: answer.began }).get(path);
      // All bytes, so that none came by a call that was not traced.
      const durable = { areBytesDurable: true, wereBytesDurableBefore: true, isNameDurable: true };
      expect(file, path).toMatchObject({ bytes, ...durable });
    }
  });
});
