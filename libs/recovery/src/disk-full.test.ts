/** A boot on a disk that is full at any of its writes: it starts, or says which disk needs room, and nothing is lost. */
import { catalogFilesAt } from '#libs/catalog';
import { nodeFileSystem } from '#libs/durable-fs';
import { CrashFileSystem, crashStates } from '#libs/durable-fs/testing';
import type { DiskSnapshot, FaultOperation } from '#libs/durable-fs/testing';
import { fileDeleteDraft, newFileId, StoreError } from '#libs/kernel';
import type { FileId } from '#libs/kernel';
import { putDraft } from '#libs/apply/testing';
import { DirectoryPlace } from '#libs/stores';
import { silentLog } from '#libs/telemetry';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { boot } from './boot.js';
import type { OpenInstallation } from './types.js';

/** The operations that need room. A full disk may say so at the sync: the blocks are often given only then. */
const NEED_ROOM: ReadonlySet<FaultOperation> = new Set(['create', 'write', 'makeDirectory', 'replaceFile', 'dataSync']);
/** A first boot makes more than 1,500 of these, one as good as the other. */
const SHARD = /\/[0-9a-f]{2}$/;
const SHARDS_LOOKED_AT = 6;

interface Machine extends AsyncDisposable {
  readonly catalogPath: string;
}

async function machine(): Promise<Machine> {
  const directory = await mkdtemp(join(tmpdir(), 'holdfast-disk-full-'));
  return {
    catalogPath: join(directory, 'catalog.db'),
    [Symbol.asyncDispose]: () => rm(directory, { recursive: true }),
  };
}

function bootOn(fs: CrashFileSystem, { catalogPath }: Machine): Promise<OpenInstallation> {
  return boot({
    fs,
    clock: { now: () => 1 },
    log: silentLog,
    walPath: '/wal',
    storagePath: '/primary',
    catalogs: catalogFilesAt(nodeFileSystem, catalogPath),
    lockDirectory: (directory) => ({ directory, release: () => undefined }),
    replicas: [{ name: 'replica', place: new DirectoryPlace(fs, '/replica') }],
    logOptions: {
      segmentSizeBytes: 16_384,
      limits: { maxSizeBytes: 1024 * 1024, retainSegments: 0, fullWaitMs: 50 },
    },
    checkpointIntervalMs: 60_000,
    changed: () => undefined,
  });
}

async function stop({ wal, applier, checkpointer, catalog }: OpenInstallation): Promise<void> {
  checkpointer.stop();
  await wal.close();
  await applier.stop();
  await catalog.close();
}

interface Life {
  readonly snapshot: DiskSnapshot;
  readonly kept: readonly FileId[];
  readonly deleted: readonly FileId[];
}

/** Four files, one of them deleted, and no checkpoint; the catalog is lost, so that boot makes one. */
async function liveOnce(): Promise<Life> {
  await using lived = await machine();
  const fs = new CrashFileSystem();
  const installation = await bootOn(fs, lived);
  const files: FileId[] = [];
  for (let index = 0; index < 4; index += 1) {
    files.push(newFileId(1));
    const { lsn } = await installation.wal.append(putDraft(files[index]!, `file ${index}`));
    await installation.applier.applied(lsn);
  }
  const [gone, ...kept] = files;
  const { lsn } = await installation.wal.append(fileDeleteDraft({ fileId: gone!, deletedAtMs: 1 }));
  await installation.applier.applied(lsn);
  await stop(installation);
  // A power cut: what apply wrote was never flushed, and boot has to write it again.
  const [afterCut] = crashStates(fs.snapshot(), { limit: 1 });
  return { snapshot: afterCut!.fileSystem.snapshot(), kept, deleted: [gone!] };
}

/** Which of the boundaries that need room, counted from the start of a boot. */
interface Place {
  readonly number: number;
  readonly label: string;
}

function onNeed(fs: CrashFileSystem, listener: (place: Place) => void): void {
  let number = 0;
  fs.onBoundary(({ operation, path }) => {
    if (!NEED_ROOM.has(operation)) return;
    number += 1;
    listener({ number, label: `${operation} ${path}` });
  });
}

async function placesOf(snapshot: DiskSnapshot | undefined): Promise<Place[]> {
  await using booted = await machine();
  const fs = diskOf(snapshot);
  const places: Place[] = [];
  onNeed(fs, (place) => places.push(place));
  await stop(await bootOn(fs, booted));
  const shards = places.filter(({ label }) => SHARD.test(label));
  const stride = Math.ceil(shards.length / SHARDS_LOOKED_AT);
  const skipped = new Set(shards.filter((_place, index) => index % stride !== 0));
  return places.filter((place) => !skipped.has(place));
}

/** Fails the operation at `place`, or all from there on that need room, until room is made. */
function fillDisk(fs: CrashFileSystem, place: Place, lasts: 'once' | 'on'): { makeRoom(): void } {
  let isFull = true;
  onNeed(fs, ({ number, label }) => {
    const fails = lasts === 'once' ? number === place.number : number >= place.number;
    if (isFull && fails) throw Object.assign(new Error(`ENOSPC: ${label}`), { code: 'ENOSPC' });
  });
  return { makeRoom: () => (isFull = false) };
}

const diskOf = (snapshot: DiskSnapshot | undefined): CrashFileSystem =>
  snapshot === undefined ? new CrashFileSystem() : new CrashFileSystem({ snapshot });

async function expectFiles({ primary, catalog }: OpenInstallation, life: Life | undefined): Promise<void> {
  for (const fileId of life?.kept ?? []) {
    expect(catalog.findFile(fileId)).toBeDefined();
    expect(await primary.has({ kind: 'manifest', id: fileId })).toBeGreaterThan(0);
  }
  for (const fileId of life?.deleted ?? []) expect(catalog.findFile(fileId)).toBeUndefined();
}

/** Boots on a disk that fills up at `place`, then on the same disk with room; returns what the first boot threw. */
async function bootTwice(life: Life | undefined, place: Place, lasts: 'once' | 'on'): Promise<unknown> {
  await using booted = await machine();
  const fs = diskOf(life?.snapshot);
  const { makeRoom } = fillDisk(fs, place, lasts);
  const first = await bootOn(fs, booted).catch((error: unknown) => error);
  makeRoom();
  if (!(first instanceof Error)) {
    await expectFiles(first as OpenInstallation, life);
    await stop(first as OpenInstallation);
  }
  const second = await bootOn(fs, booted);
  await expectFiles(second, life);
  const { lsn } = await second.wal.append(putDraft(newFileId(1), 'again'));
  await second.applier.applied(lsn);
  await stop(second);
  return first instanceof Error ? first : undefined;
}

describe.each([
  ['a first boot', async () => undefined],
  ['a boot that replays', liveOnce],
])('on a disk that fills up, %s', (_which, live) => {
  it.each(['once', 'on'] as const)(
    'starts, or names the disk, and the next one has everything: full %s',
    async (lasts) => {
      const life = await live();
      const places = await placesOf(life?.snapshot);
      const settings = new Set<string>();
      for (const place of places) {
        const where = place.label;
        const refusal = await bootTwice(life, place, lasts).catch((cause: unknown) => {
          throw new Error(`${where}: the boot with room fails`, { cause });
        });
        if (refusal === undefined) continue;
        if (!StoreError.is(refusal, 'disk_full')) throw new Error(`${where}: not said`, { cause: refusal });
        settings.add(String(refusal.context['setting']));
      }
      expect([...settings].toSorted((left, right) => left.localeCompare(right))).toEqual(
        life === undefined
          ? ['REPLICAS', 'STORAGE_PATH', 'WAL_PATH']
          : lasts === 'once'
            ? ['STORAGE_PATH']
            : ['STORAGE_PATH', 'WAL_PATH'],
      );
    },
  );
});

it('says of a replay how much room it can need', async () => {
  await using booted = await machine();
  const life = await liveOnce();
  const fs = new CrashFileSystem({ snapshot: life.snapshot });
  fs.failNext({ operation: 'replaceFile', errorCode: 'ENOSPC', after: 2 });
  await expect(bootOn(fs, booted)).rejects.toMatchObject({
    code: 'disk_full',
    message: expect.stringContaining('STORAGE_PATH (/primary)'),
    context: { setting: 'STORAGE_PATH', path: '/primary', needed_bytes: 5 * 4096 },
  });
});
