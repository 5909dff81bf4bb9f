/** What a pass of anti-entropy makes of stores that hold too much, lie, or go away. On a machine in memory. */
import { newFileId, newUuid, StoreError } from '#libs/kernel';
import type { ChunkId, FileId, StoreId } from '#libs/kernel';
import { AntiEntropy, GarbageCollector, ReplicaGarbage } from '#libs/maintenance';
import type { Finding } from '#libs/maintenance';
import { DirectoryStore, initDirectoryStore } from '#libs/stores';
import type { ListQuery, ObjectKey, ObjectKind, ObjectPage, Store } from '#libs/stores';
import { silentLog } from '#libs/telemetry';
import { createHash } from 'node:crypto';
import { beforeEach, describe, expect, it } from 'vitest';
import { bytesOf, chunkIdsOf, GRACE_MS, pass as collect, put } from '../garbage/bench.js';
import { installedMachine, start } from '../states/machine.js';

const REPLICA_PATH = '/replica';

type Bench = Awaited<ReturnType<typeof openBench>>;

/** The replica is told of every file that `putEverywhere` puts, and has confirmed it. */
async function openBench() {
  const machine = await installedMachine();
  const running = await start(machine);
  const { clock } = machine;
  const { primary, catalog } = running.parts;
  const replicaId = newUuid<StoreId>();
  const identity = { ...primary.identity, storeId: replicaId, name: 'replica', peers: [] };
  await initDirectoryStore(machine.fs, REPLICA_PATH, identity);
  const directory = new DirectoryStore(machine.fs, REPLICA_PATH, identity);
  const bench = {
    ...running,
    clock,
    replicaId,
    directory,
    replica: directory as Store,
    repairsOwed: [] as FileId[],
    /** Called for each question of who the replica is. */
    confirm: async (): Promise<void> => undefined,
  };
  const antiEntropy = new AntiEntropy({
    ...running.parts,
    clock,
    replicaIds: [replicaId],
    stores: {
      open: async (storeId) => (storeId === replicaId ? bench.replica : primary),
      confirm: () => bench.confirm(),
    },
    oweRepair: (fileId) => void bench.repairsOwed.push(fileId),
    notice: () => undefined,
  });
  const replicaGarbage = new ReplicaGarbage({
    replicas: [{ storeId: replicaId, name: 'replica' }],
    open: async () => bench.replica,
    wake: () => undefined,
    catalog,
    clock,
    log: silentLog,
  });
  const collector = new GarbageCollector({
    ...running.parts,
    replicaGarbage,
    clock,
    log: silentLog,
    graceMs: GRACE_MS,
  });
  return Object.assign(bench, { antiEntropy, collector });
}

async function putEverywhere({ files, parts, replica, replicaId, clock }: Bench, name: string): Promise<FileId> {
  const bytes = bytesOf(name, 2);
  const { fileId } = await put(files, name, bytes);
  const keys: ObjectKey[] = chunkIdsOf(bytes).map((id) => ({ kind: 'chunk', id }));
  for (const key of [...keys, { kind: 'manifest', id: fileId } as const])
    await replica.put(key, (await parts.primary.get(key))!);
  const { obligations } = parts.catalog;
  obligations.owe({ fileId, storeId: replicaId, operation: 'verify', nowMs: clock.nowMs });
  obligations.close([{ fileId, storeId: replicaId, generation: 1, want: 'present' }], clock.nowMs);
  await parts.checkpointer.run();
  clock.nowMs += 1000;
  return fileId;
}

async function look({ antiEntropy }: Bench, storeId: StoreId): Promise<readonly Finding[]> {
  const pass = antiEntropy.pass(storeId, 'repair');
  try {
    for (let outcome = await pass.step(); outcome === 'busy'; outcome = await pass.step());
    return pass.progress.findings;
  } finally {
    await pass.end();
  }
}

const told = (findings: readonly Finding[]) =>
  findings.map(({ key, kind, action }) => [key.kind, key.id, kind, action]);
const owed = ({ parts, replicaId }: Bench, fileId: FileId) =>
  parts.catalog.obligations.of(fileId).filter(({ storeId, state }) => storeId === replicaId && state !== 'done');

async function strayChunk(store: Store): Promise<ChunkId> {
  const bytes = Buffer.from('nobody refers to this');
  const id = createHash('sha256').update(bytes).digest('hex') as ChunkId;
  await store.put({ kind: 'chunk', id }, bytes);
  return id;
}

/** A store whose listing is not what it has. */
function listingStore(store: DirectoryStore, change: (page: ObjectPage, kind: ObjectKind) => ObjectPage): Store {
  return new Proxy(store, {
    get: (target, name) => {
      if (name === 'list')
        return async (kind: ObjectKind, query: ListQuery) => change(await target.list(kind, query), kind);
      const value = target[name as keyof DirectoryStore] as unknown;
      return typeof value === 'function' ? (value.bind(target) as unknown) : value;
    },
  });
}

let bench: Bench;
let primaryId: StoreId;
beforeEach(async () => {
  bench = await openBench();
  primaryId = bench.parts.primary.identity.storeId;
});

describe('a chunk that no file refers to, on a replica', () => {
  it('is reported until every store was looked at, then it is garbage, and goes when the grace is over', async () => {
    await putEverywhere(bench, 'kept');
    const id = await strayChunk(bench.replica);
    expect(told(await look(bench, bench.replicaId))).toEqual([['chunk', id, 'unknown', 'reported']]);
    expect(await look(bench, primaryId)).toEqual([]);
    expect(told(await look(bench, bench.replicaId))).toEqual([['chunk', id, 'unknown', 'owed']]);
    await collect(bench.collector);
    expect(await bench.replica.has({ kind: 'chunk', id })).toBeDefined();
    bench.clock.nowMs += GRACE_MS;
    await collect(bench.collector);
    expect((await bench.replica.list('chunk', { limit: 9 })).ids).toEqual(chunkIdsOf(bytesOf('kept', 2)));
  });

  it('stays while a store has a manifest that the catalog does not know', async () => {
    const fileId = await putEverywhere(bench, 'forgotten');
    const manifest = (await bench.replica.get({ kind: 'manifest', id: fileId }))!;
    await bench.files.delete(fileId);
    await bench.parts.checkpointer.run();
    await bench.parts.primary.delete({ kind: 'tombstone', id: fileId });
    // A manifest under another id, as of a file that the catalog has lost.
    const other = newFileId(1);
    await bench.replica.put({ kind: 'manifest', id: other }, manifest);
    await look(bench, primaryId);
    const id = await strayChunk(bench.replica);
    const findings = told(await look(bench, bench.replicaId));
    expect(findings).toContainEqual(['manifest', other, 'unknown', 'reported']);
    expect(findings).toContainEqual(['chunk', id, 'unknown', 'reported']);
    expect(await bench.replica.has({ kind: 'manifest', id: other })).toBeDefined();
  });
});

describe('a manifest of no file', () => {
  it('on a replica, of one that is deleted: the delete is owed again', async () => {
    const fileId = await putEverywhere(bench, 'deleted');
    await bench.files.delete(fileId);
    await bench.parts.checkpointer.run();
    const { obligations } = bench.parts.catalog;
    obligations.oweDelete({ fileId, storeId: bench.replicaId, nowMs: bench.clock.nowMs });
    const tombstone = { kind: 'tombstone', id: fileId } as const;
    await bench.replica.put(tombstone, (await bench.parts.primary.get(tombstone))!);
    const generation = obligations.of(fileId).find(({ storeId }) => storeId === bench.replicaId)!.generation;
    // On its way still: not judged.
    expect(await look(bench, bench.replicaId)).toEqual([]);
    obligations.close([{ fileId, storeId: bench.replicaId, generation, want: 'absent' }], bench.clock.nowMs);
    expect(told(await look(bench, bench.replicaId))).toContainEqual(['manifest', fileId, 'unexpected', 'owed']);
    expect(owed(bench, fileId)).toMatchObject([{ want: 'absent', operation: 'delete', generation: generation + 1 }]);
  });

  it('on the primary, beside its tombstone: the manifest goes', async () => {
    const fileId = await putEverywhere(bench, 'deleted');
    const manifest = (await bench.parts.primary.get({ kind: 'manifest', id: fileId }))!;
    await bench.files.delete(fileId);
    await bench.parts.checkpointer.run();
    await bench.parts.primary.put({ kind: 'manifest', id: fileId }, manifest);
    expect(told(await look(bench, primaryId))).toEqual([['manifest', fileId, 'unexpected', 'owed']]);
    expect(await bench.parts.primary.has({ kind: 'manifest', id: fileId })).toBeUndefined();
    expect(await bench.parts.primary.has({ kind: 'tombstone', id: fileId })).toBeDefined();
  });

  it('on the primary, that nobody knows to be deleted: it stays, and is reported', async () => {
    const fileId = await putEverywhere(bench, 'forgotten');
    const manifest = (await bench.parts.primary.get({ kind: 'manifest', id: fileId }))!;
    const other = newFileId(1);
    await bench.parts.primary.put({ kind: 'manifest', id: other }, manifest);
    expect(told(await look(bench, primaryId))).toEqual([['manifest', other, 'unknown', 'reported']]);
    expect(await bench.parts.primary.has({ kind: 'manifest', id: other })).toBeDefined();
  });
});

describe('a tombstone that a replica was never told of', () => {
  async function deleted(): Promise<FileId> {
    const { fileId } = await put(bench.files, 'deleted', bytesOf('deleted', 1));
    await bench.files.delete(fileId);
    return fileId;
  }

  function fill(): void {
    const page = { storeId: bench.replicaId, limit: 100, nowMs: bench.clock.nowMs };
    while (bench.parts.catalog.obligations.fill(page) === 'more');
  }

  it('is owed to it where its filling did not see it, and the tombstone is below the checkpoint', async () => {
    const seen = await deleted();
    await bench.parts.checkpointer.run();
    // Its filling is still to come.
    expect(await look(bench, primaryId)).toEqual([]);
    fill();
    expect(owed(bench, seen)).toMatchObject([{ operation: 'delete' }]);
    const fileId = await deleted();
    await bench.parts.checkpointer.run();
    const young = await deleted();
    const findings = await look(bench, primaryId);
    expect(told(findings)).toEqual([['tombstone', fileId, 'missing', 'owed']]);
    expect(findings[0]!.storeId).toBe(bench.replicaId);
    expect(owed(bench, fileId)).toMatchObject([{ want: 'absent', operation: 'delete', generation: 1 }]);
    expect(owed(bench, young)).toEqual([]);
    expect(await look(bench, primaryId)).toEqual([]);
  });

  it('is not owed to it while it expires', async () => {
    fill();
    const fileId = await deleted();
    await bench.parts.checkpointer.run();
    const { obligations, expiringDeletes } = bench.parts.catalog;
    const untilMs = bench.clock.nowMs;
    const rows = obligations.of(fileId).map((row) => ({ ...row, fileId }));
    obligations.close(rows, untilMs);
    const replicaIds = rows.map(({ storeId }) => storeId);
    const expiry = { primaryId, replicaIds, untilMs, nowMs: untilMs, fileIds: [fileId] };
    expect(expiringDeletes.begin(expiry)).toEqual([fileId]);
    expect(await look(bench, primaryId)).toEqual([]);
    expect(owed(bench, fileId)).toEqual([]);
  });
});

describe('a file that the primary has lost', () => {
  it('above the checkpoint is in motion, below it a repair is owed', async () => {
    const fileId = await putEverywhere(bench, 'old');
    const { fileId: young } = await put(bench.files, 'young', bytesOf('young', 2));
    for (const id of [fileId, young]) await bench.parts.primary.delete({ kind: 'manifest', id });
    expect(told(await look(bench, primaryId))).toEqual([['manifest', fileId, 'missing', 'owed']]);
    expect(bench.repairsOwed).toEqual([fileId]);
  });
});

describe('a replica', () => {
  it('that hides in its listing what it has is told of, and nothing is owed', async () => {
    const fileId = await putEverywhere(bench, 'hidden');
    bench.replica = listingStore(bench.directory, (page, kind) => (kind === 'manifest' ? { ...page, ids: [] } : page));
    const [finding, ...more] = await look(bench, bench.replicaId);
    expect([finding, more]).toEqual([
      expect.objectContaining({
        kind: 'missing',
        action: 'reported',
        reason: expect.stringContaining('not list') as string,
      }),
      [],
    ]);
    expect(owed(bench, fileId)).toEqual([]);
  });

  it('that lists what it has not loses nothing by it', async () => {
    await putEverywhere(bench, 'kept');
    const ghost = 'f'.repeat(64);
    bench.replica = listingStore(bench.directory, (page, kind) =>
      kind === 'chunk' ? { ...page, ids: [...page.ids, ghost] } : page,
    );
    await look(bench, primaryId);
    expect(await look(bench, bench.replicaId)).toEqual([]);
  });

  it('whose cursor goes backwards is not judged', async () => {
    await putEverywhere(bench, 'kept');
    bench.replica = listingStore(bench.directory, (page) => ({ ...page, next: '00/0' }));
    await expect(look(bench, bench.replicaId)).rejects.toMatchObject({ code: 'store_unreadable' });
  });

  it.each([
    ['while it is listed', 1],
    ['while its differences are looked at', 2],
  ])('that goes away %s is not judged', async (_when, atQuestion) => {
    const fileId = await putEverywhere(bench, 'away');
    let restored = 0;
    bench.directory.restoreDirectories = async () => (restored += 1);
    bench.replica = listingStore(bench.directory, (page) => ({ ...page, ids: [] }));
    await bench.directory.delete({ kind: 'manifest', id: fileId });
    let questions = 0;
    bench.confirm = async () => {
      questions += 1;
      if (questions === atQuestion) throw new StoreError('store_unreachable', 'The store is away.');
    };
    await expect(look(bench, bench.replicaId)).rejects.toMatchObject({ code: 'store_unreachable' });
    // Where a disk was unmounted no directories of a store may be made.
    expect([owed(bench, fileId), restored]).toEqual([[], atQuestion - 1]);
  });

  it('that lost a chunk is owed a verification of a file that needs it', async () => {
    const fileId = await putEverywhere(bench, 'kept');
    const [chunkId] = chunkIdsOf(bytesOf('kept', 2));
    await bench.directory.delete({ kind: 'chunk', id: chunkId! });
    expect(told(await look(bench, bench.replicaId))).toEqual([['chunk', chunkId, 'missing', 'owed']]);
    expect(owed(bench, fileId)).toMatchObject([{ operation: 'verify' }]);
  });
});
