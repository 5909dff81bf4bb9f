// A primary that is lost with its log and its catalog, made anew from one replica by real processes.
import { FAKE_S3_ACCESS, FakeS3 } from '#libs/stores/testing';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { contentOf as storeContent, recordPath } from '../replication/stores.js';
import { nothingOwed } from '../replication/replica-client.js';
import { store } from '../server/file-client.js';
import type { StoredFile } from '../server/file-client.js';
import { startServer } from '../server/harness.js';
import type { TestServer } from '../server/harness.js';
import { ask, testBytes } from '../server/http-client.js';
import { CHUNK_SIZE } from '../server/installation.js';
import { runCommand } from './command.js';
import type { Outcome } from './command.js';

const SIZES = [100, 1500, 3 * CHUNK_SIZE + 5, CHUNK_SIZE, 2 * CHUNK_SIZE];

interface Lived {
  readonly server: TestServer;
  readonly kept: readonly StoredFile[];
  readonly deleted: StoredFile;
}

/** Files of every kind, one of them deleted, on all replicas; then the server is stopped. */
async function lived(settings: Record<string, string> = {}): Promise<Lived> {
  const server = await startServer(settings);
  const files: StoredFile[] = [];
  for (const [index, size] of SIZES.entries()) {
    files.push(await store(server.url, { name: `file-${index}`, content: testBytes(size, index + 1) }));
  }
  const [deleted, ...kept] = files as [StoredFile, ...StoredFile[]];
  await ask(`${server.url}/files/${deleted.file_id}`, { method: 'DELETE' });
  await nothingOwed(server);
  await server.process.stop();
  return { server, kept, deleted };
}

async function lose({ installation: { directory, primary, wal } }: TestServer): Promise<void> {
  for (const path of [primary, wal, ...['', '-wal', '-shm'].map((suffix) => join(directory, `catalog.db${suffix}`))]) {
    await rm(path, { recursive: true, force: true });
  }
}

const command = ({ installation }: TestServer, ...words: string[]): Promise<Outcome> =>
  runCommand(installation.environment, ...words);

async function expectServed({ server, kept, deleted }: Lived): Promise<void> {
  for (const [index, file] of kept.entries()) {
    const { status, body } = await ask(`${server.url}/download/${file.file_id}`);
    expect(status).toBe(200);
    expect(body.equals(testBytes(SIZES[index + 1]!, index + 2))).toBe(true);
  }
  expect((await ask(`${server.url}/download/${deleted.file_id}`)).status).toBe(404);
}

describe('rebuild', () => {
  it('makes a primary of a replica: every file reads back, deleted ones stay deleted, copying goes on', async () => {
    const life = await lived();
    const { server, kept } = life;
    await lose(server);
    await server.start().catch(() => undefined);
    const words = 'npm run holdfast -- rebuild --from replica1';
    expect(server.process.stderr).toContain(words);

    const planned = await command(server, 'rebuild', '--from', 'replica2');
    expect(planned).toMatchObject({ code: 4 });
    expect(planned.stdout).toContain('4 files and 1 tombstone');
    expect(planned.stdout).toContain('npm run holdfast -- rebuild --from replica2 --yes');
    const done = await command(server, 'rebuild', '--from', 'replica2', '--yes', '--json');
    expect(done).toMatchObject({ code: 0 });
    expect(done.json()).toMatchObject({ outcome: 'done', files: 4, tombstones: 1, lacked: [], damaged: [], lost: [] });

    await server.start();
    await expectServed(life);
    const added = await store(server.url, { name: 'after', content: testBytes(2 * CHUNK_SIZE, 99) });
    await nothingOwed(server);
    const ids = [...kept, added].map(({ file_id: id }) => id).toSorted();
    for (const name of ['replica1', 'replica2']) {
      const { manifests } = await storeContent(join(server.installation.directory, name));
      expect(Object.keys(manifests).toSorted()).toEqual(ids);
    }
  });

  it('is refused while a server runs, over a primary that is there, and from a place that is no store', async () => {
    const { server } = await lived();
    expect(await command(server, 'rebuild', '--from', 'replica2', '--yes')).toMatchObject({ code: 2 });
    await server.start();
    const locked = await command(server, 'rebuild', '--from', 'replica2', '--yes', '--json');
    expect(locked.code).toBe(3);
    expect(locked.json()).toMatchObject({ error: { code: 'directory_locked' } });
    await server.process.stop();
    await lose(server);
    const empty = join(server.installation.directory, 'empty');
    await mkdir(empty);
    const nowhere = await command(server, 'rebuild', '--from', empty, '--yes', '--json');
    expect(nowhere).toMatchObject({ code: 2 });
    expect(nowhere.json()).toMatchObject({ error: { code: 'not_a_store' } });
    expect(await command(server, 'rebuild')).toMatchObject({ code: 2 });
  });

  it('names a damaged file, and exits with 4', async () => {
    const { server, kept } = await lived();
    await lose(server);
    for (const name of ['replica1', 'replica2']) {
      const root = join(server.installation.directory, name);
      await writeFile(recordPath(root, 'manifests', kept[0]!.file_id), 'rotten');
    }
    const done = await command(server, 'rebuild', '--from', 'replica1', '--yes');
    expect(done).toMatchObject({ code: 4 });
    expect(done.stdout).toContain(`  ${kept[0]!.file_id}`);
  });

  it('works from a bucket as from a directory', async () => {
    await using s3 = await FakeS3.start();
    const cloud = `s3://holdfast/site?endpoint=${s3.endpoint}`;
    const life = await lived({
      REPLICAS: `cloud=${cloud}`,
      AWS_ACCESS_KEY_ID: FAKE_S3_ACCESS.awsAccessKeyId,
      AWS_SECRET_ACCESS_KEY: FAKE_S3_ACCESS.awsSecretAccessKey,
    });
    await lose(life.server);
    const done = await command(life.server, 'rebuild', '--from', cloud, '--yes', '--json');
    expect(done).toMatchObject({ code: 0 });
    await life.server.start();
    await expectServed(life);
    await nothingOwed(life.server);
  });
});
