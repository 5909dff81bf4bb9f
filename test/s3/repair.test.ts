/** Repair, rebuild and adoption of a replica in a bucket of a real server, Ceph's gateway, by the built programs. */
import { newFileId } from '#libs/kernel';
import { S3Place } from '#libs/stores';
import type { ObjectKey, ObjectKind, Store } from '#libs/stores';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { runCommand } from '../cli/command.js';
import { LARGE, remove, storeLarge } from '../replication/copies.js';
import { nothingOwed, stateOf } from '../replication/replica-client.js';
import { contentOf } from '../replication/stores.js';
import { eventually } from '../replication/wait-until.js';
import { runRepairProgram } from '../repair/repair-program.js';
import { store } from '../server/file-client.js';
import type { StoredFile } from '../server/file-client.js';
import { startServer } from '../server/harness.js';
import type { TestServer } from '../server/harness.js';
import { ask, sha256, testBytes } from '../server/http-client.js';
import { Radosgw, whyNoRadosgw } from '../services/radosgw.js';
import type { GatewayUser } from '../services/radosgw.js';

const why = whyNoRadosgw();
const KINDS: readonly ObjectKind[] = ['chunk', 'manifest', 'tombstone'];
const FILES = 3;

let gateway: Radosgw;
let owner: GatewayUser;
let buckets = 0;

interface Life {
  readonly server: TestServer;
  /** By the seed of their content, from 1 on. */
  readonly files: readonly StoredFile[];
  readonly gone: StoredFile;
  readonly bucket: Store;
  readonly environment: Record<string, string>;
}

let life: Life;

async function openBucket(): Promise<Store> {
  const access = { ...owner, awsSessionToken: '', awsRegion: '' };
  const place = new S3Place(
    {
      kind: 's3',
      name: 'cloud',
      bucket: `repaired-${buckets}`,
      prefix: 'site',
      endpoint: gateway.endpoint,
      region: undefined,
    },
    access,
  );
  return place.open((await place.identify())!);
}

async function served(): Promise<Life> {
  buckets += 1;
  const server = await startServer({
    REPLICAS: `cloud=s3://repaired-${buckets}/site?endpoint=${gateway.endpoint}`,
    AWS_ACCESS_KEY_ID: owner.awsAccessKeyId,
    AWS_SECRET_ACCESS_KEY: owner.awsSecretAccessKey,
  });
  const files: StoredFile[] = [];
  for (let seed = 1; seed <= FILES; seed += 1) files.push(await storeLarge(server, seed));
  const gone = await store(server.url, { name: 'gone', content: 'gone' });
  await remove(server, gone);
  await nothingOwed(server);
  const environment = { ...server.installation.environment, HOLDFAST_URL: server.url };
  return { server, files, gone, bucket: await openBucket(), environment };
}

/** The SHA-256 of every object in the bucket, as `contentOf` tells it of a directory. */
async function contentOfBucket(bucket: Store): Promise<unknown> {
  const content: Record<string, Record<string, string>> = {};
  for (const kind of KINDS) {
    const objects: Record<string, string> = (content[`${kind}s`] = {});
    for (const id of (await bucket.list(kind, { limit: 1000 })).ids)
      objects[id] = sha256((await bucket.get({ kind, id } as ObjectKey))!);
  }
  return content;
}

async function expectServed({ server, files, gone }: Life): Promise<void> {
  for (const [index, { file_id: fileId }] of files.entries()) {
    const { status, body } = await ask(`${server.url}/download/${fileId}`);
    expect([status, body.equals(testBytes(LARGE, index + 1))]).toEqual([200, true]);
  }
  expect((await ask(`${server.url}/download/${gone.file_id}`)).status).toBe(404);
}

const command = ({ server }: Life, ...words: string[]) => runCommand(server.installation.environment, ...words);

describe.skipIf(why !== undefined)(`a bucket of radosgw${why === undefined ? '' : ` (skipped: ${why})`}`, () => {
  beforeAll(async () => {
    gateway = await Radosgw.start();
    owner = await gateway.makeUser('owner');
  });
  afterAll(() => gateway?.[Symbol.asyncDispose]());
  beforeEach(async () => {
    life = await served();
  });

  it('that lost objects and has others with flipped bytes is mended; a stray manifest is told of and left', async () => {
    const { server, files, gone, bucket, environment } = life;
    const whole = await contentOf(server.installation.primary);
    const [lost, flipped] = (await bucket.list('chunk', { limit: 2 })).ids.map(
      (id) => ({ kind: 'chunk', id }) as ObjectKey,
    );
    await bucket.delete(lost!);
    const manifest = { kind: 'manifest', id: files[0]!.file_id } as ObjectKey;
    const tombstone = { kind: 'tombstone', id: gone.file_id } as ObjectKey;
    const stray = { kind: 'manifest', id: newFileId(1) } as const;
    await bucket.put(stray, (await bucket.get(manifest))!);
    for (const key of [flipped!, manifest, tombstone]) {
      const bytes = Buffer.from((await bucket.get(key))!);
      bytes[bytes.length >> 1]! ^= 0xff;
      await bucket.put(key, bytes);
    }
    const told = await runRepairProgram(environment, '--deep');
    expect(told.stdout).toMatch(/^found: 1 missing, 4 corrupt, 1 unknown \(everything was read\)$/m);
    expect(told.stdout).toMatch(new RegExp(`^ {2}cloud: left as it is: manifest ${stray.id}`, 'm'));
    expect(told.code).toBe(4);
    expect(await bucket.has(stray)).toBeDefined();
    await bucket.delete(stray);
    expect(await contentOfBucket(bucket)).toEqual(whole);
    const { code, stdout } = await runRepairProgram(environment, '--deep');
    expect([code, stdout]).toEqual([0, expect.stringMatching(/all stores are equal\n$/)]);
    await expectServed(life);
  });

  it('gives back a primary that is lost with its log and its catalog', async () => {
    const { server, bucket } = life;
    const { directory, primary, wal } = server.installation;
    await server.process.stop();
    for (const path of [primary, wal, ...['', '-wal', '-shm'].map((suffix) => join(directory, `catalog.db${suffix}`))])
      await rm(path, { recursive: true, force: true });
    const done = await command(life, 'rebuild', '--from', 'cloud', '--yes', '--json');
    expect(done).toMatchObject({ code: 0 });
    expect(done.json()).toMatchObject({ outcome: 'done', files: FILES, tombstones: 1, damaged: [], lost: [] });
    await server.start();
    await expectServed(life);
    await storeLarge(server, 50);
    await nothingOwed(server);
    expect(await contentOfBucket(bucket)).toEqual(await contentOf(primary));
  });

  it('that is new, in the place of one that is lost, stays empty until it is adopted, and is filled then', async () => {
    const { server } = life;
    await server.process.stop();
    buckets += 1;
    const settings = server.installation.environment as Record<string, string>;
    settings['REPLICAS'] = `cloud=s3://repaired-${buckets}/site?endpoint=${gateway.endpoint}`;
    await server.start();
    await eventually(() => stateOf(server, 'cloud'), 'offline');
    await server.process.stop();
    const planned = await command(life, 'adopt', 'cloud');
    expect([planned.code, planned.stdout]).toEqual([4, expect.stringContaining('--yes')]);
    expect(await command(life, 'adopt', 'cloud', '--yes')).toMatchObject({ code: 0 });
    await server.start();
    await nothingOwed(server);
    await expectServed(life);
    // The tombstones of what it never had too: alone it must be able to say what was deleted.
    expect(await contentOfBucket(await openBucket())).toEqual(await contentOf(server.installation.primary));
  });
});
