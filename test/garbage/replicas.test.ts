/** What the collection does on replicas, and what it leaves where one is away or does not answer. */
import { newUuid, StoreError } from '#libs/kernel';
import type { ChunkId, FileId, StoreId } from '#libs/kernel';
import { GarbageCollector, ReplicaGarbage } from '#libs/maintenance';
import { DirectoryStore, initDirectoryStore } from '#libs/stores';
import type { Store } from '#libs/stores';
import { silentLog } from '#libs/telemetry';
import { WatchedStore } from '#libs/transfer/testing';
import { createHash } from 'node:crypto';
import { expect, it } from 'vitest';
import { installedMachine, start } from '../states/machine.js';
import { bytesOf, chunkIdsOf, GRACE_MS, pass, put, settle } from './bench.js';
import type { Bench } from './bench.js';

const REPLICA_PATH = '/replica';

interface ReplicaBench extends Bench {
  readonly replica: Store;
  readonly replicaId: StoreId;
  /** What opening the replica comes to. */
  reach: () => Promise<Store>;
}

/** The replica holds every chunk that a file put through `putEverywhere` has. */
async function openReplicaBench(timeoutMs = 1000): Promise<ReplicaBench> {
  const machine = await installedMachine();
  const running = await start(machine);
  const replicaId = newUuid<StoreId>();
  const identity = { ...running.parts.primary.identity, storeId: replicaId, name: 'replica', peers: [] };
  await initDirectoryStore(machine.fs, REPLICA_PATH, identity);
  const replica = new DirectoryStore(machine.fs, REPLICA_PATH, identity);
  const { clock } = machine;
  const bench = { ...running, machine, replica, replicaId, reach: async (): Promise<Store> => replica };
  const replicaGarbage = new ReplicaGarbage({
    replicas: [{ storeId: replicaId, name: 'replica' }],
    open: () => bench.reach(),
    catalog: running.parts.catalog,
    wake: () => undefined,
    clock,
    log: silentLog,
    timeoutMs,
  });
  const collector = new GarbageCollector({
    ...running.parts,
    replicaGarbage,
    clock,
    log: silentLog,
    graceMs: GRACE_MS,
  });
  return Object.assign(bench, { collector });
}

async function putEverywhere(bench: ReplicaBench, bytes: Buffer) {
  const receipt = await put(bench.files, 'file', bytes);
  for (const id of chunkIdsOf(bytes)) {
    const key = { kind: 'chunk', id } as const;
    await bench.replica.put(key, (await bench.parts.primary.get(key))!);
  }
  return receipt;
}

const chunksOf = async (store: Store): Promise<readonly string[]> => (await store.list('chunk', { limit: 1000 })).ids;
const unknownOf = ({ parts, replicaId }: ReplicaBench): string[] =>
  parts.catalog.unknownChunks.page({ storeId: replicaId, limit: 1000 });

async function passLater(bench: ReplicaBench): Promise<void> {
  bench.machine.clock.nowMs += GRACE_MS;
  await pass(bench.collector);
}

const away = async (): Promise<never> => {
  throw new StoreError('store_unreachable', 'The store is away.');
};

it('garbage of the primary goes from the replica too, and what a file has stays there', async () => {
  const bench = await openReplicaBench();
  const [gone, kept] = [bytesOf('gone', 2), bytesOf('kept', 2)];
  const { fileId } = await putEverywhere(bench, gone);
  await putEverywhere(bench, kept);
  await bench.files.delete(fileId);
  await passLater(bench);
  expect(await chunksOf(bench.replica)).toEqual(chunkIdsOf(kept));
  expect(unknownOf(bench)).toEqual([]);
  await bench.close();
});

it('a replica that is away keeps them as unknown, and loses them once it is back', async () => {
  const bench = await openReplicaBench();
  const bytes = bytesOf('gone', 2);
  const { fileId } = await putEverywhere(bench, bytes);
  await bench.files.delete(fileId);
  const back = bench.reach;
  bench.reach = away;
  await passLater(bench);
  expect([await chunksOf(bench.parts.primary), unknownOf(bench)]).toEqual([[], chunkIdsOf(bytes)]);
  bench.reach = back;
  await passLater(bench);
  expect([await chunksOf(bench.replica), unknownOf(bench)]).toEqual([[], []]);
  await bench.close();
});

it('a chunk that is uploaded again while its unlink is unknown is not trusted there, nor collected', async () => {
  const bench = await openReplicaBench();
  const bytes = bytesOf('again', 2);
  const { fileId } = await putEverywhere(bench, bytes);
  await bench.files.delete(fileId);
  const back = bench.reach;
  bench.reach = away;
  await passLater(bench);
  const { fileId: again } = await put(bench.files, 'again', bytes);
  const { unknownChunks } = bench.parts.catalog;
  expect(unknownChunks.touches(bench.replicaId, again)).toBe(true);
  bench.reach = back;
  await passLater(bench);
  expect(await chunksOf(bench.replica)).toEqual(chunkIdsOf(bytes));
  expect(unknownChunks.touches(bench.replicaId, again)).toBe(true);
  await bench.close();
});

it('a replica that does not answer holds an upload of the same bytes up no longer than its time', async () => {
  const bench = await openReplicaBench(20);
  const bytes = bytesOf('held', 2);
  const { fileId } = await putEverywhere(bench, bytes);
  await bench.files.delete(fileId);
  const { promise: answered, resolve: answer } = Promise.withResolvers<void>();
  const { replica } = bench;
  bench.reach = async () => {
    await answered;
    return replica;
  };
  await passLater(bench);
  const { fileId: again } = await put(bench.files, 'again', bytes);
  expect(bench.parts.catalog.unknownChunks.touches(bench.replicaId, again)).toBe(true);
  answer();
  await settle();
  await bench.close();
});

/** Has an unlink of the chunks of `bytes` under way that nobody waits for any more, and a file that needs them again. */
async function withLateUnlink(bench: ReplicaBench, bytes: Buffer) {
  const { fileId } = await putEverywhere(bench, bytes);
  await bench.files.delete(fileId);
  const { promise: answered, resolve: answer } = Promise.withResolvers<void>();
  const { replica } = bench;
  bench.reach = async () => {
    await answered;
    return replica;
  };
  await passLater(bench);
  const { fileId: again } = await put(bench.files, 'again', bytes);
  bench.reach = async () => replica;
  return { again, answer };
}

/** As replication does when a copy of the file has been confirmed: closes the order, and believes the copy. */
function confirmCopy({ parts, replicaId: storeId, machine }: ReplicaBench, fileId: FileId): void {
  const { obligations, unknownChunks } = parts.catalog;
  const nowMs = machine.clock.now();
  obligations.owe({ fileId, storeId, operation: 'verify', nowMs });
  const { generation } = obligations.of(fileId).find((obligation) => obligation.storeId === storeId)!;
  obligations.close([{ fileId, storeId, generation, want: 'present' }], nowMs);
  unknownChunks.settle(storeId, fileId);
}

const stateOf = ({ parts, replicaId }: ReplicaBench, fileId: FileId): string | undefined =>
  parts.catalog.obligations.of(fileId).find(({ storeId }) => storeId === replicaId)?.state;

/** Of more chunks than a few pages of a collection; none of them is there. */
function noteMuch({ parts, machine }: ReplicaBench, name = 'much'): ChunkId[] {
  const digest = (index: number): string => createHash('sha256').update(`${name} ${index}`).digest('hex');
  const ids = Array.from({ length: 300 }, (_, index) => digest(index) as ChunkId).toSorted();
  parts.catalog.garbage.note(ids, machine.clock.now());
  return ids;
}

const garbageOf = ({ parts, machine }: ReplicaBench): number =>
  parts.catalog.garbage.page({ untilMs: machine.clock.now(), limit: 1000 }).length;

it('a replica that does not answer holds up one page of a pass, and none of the next as long as it does not', async () => {
  const bench = await openReplicaBench(20);
  const { promise: answered, resolve: answer } = Promise.withResolvers<void>();
  // Quicker than any time: none of the chunks is there.
  const replica = Object.assign(new WatchedStore(bench.replica, {}), { deleteAll: async () => undefined });
  let waited = 0;
  bench.reach = async () => {
    waited += 1;
    await answered;
    return replica;
  };
  const first = noteMuch(bench);
  await passLater(bench);
  expect([waited, garbageOf(bench), unknownOf(bench)]).toEqual([1, 0, first]);
  const second = noteMuch(bench, 'more');
  await passLater(bench);
  expect([waited, garbageOf(bench), unknownOf(bench)]).toEqual([1, 0, [...first, ...second].toSorted()]);
  answer();
  await settle();
  await passLater(bench);
  expect(unknownOf(bench)).toEqual([]);
  await bench.close();
});

it('a replica that is away is looked for once in a pass, also for what earlier ones left', async () => {
  const bench = await openReplicaBench();
  let looks = 0;
  bench.reach = async () => {
    looks += 1;
    return away();
  };
  const ids = noteMuch(bench);
  await passLater(bench);
  expect([looks, unknownOf(bench)]).toEqual([1, ids]);
  await passLater(bench);
  expect([looks, unknownOf(bench)]).toEqual([2, ids]);
  await bench.close();
});

it('a replica with a directory in which nothing can be removed loses what is in the others', async () => {
  const bench = await openReplicaBench();
  const { replica } = bench;
  const [bad] = noteMuch(bench);
  bench.reach = async () =>
    new WatchedStore(replica, {
      before: async ({ method, keys }) => {
        if (method !== 'deleteAll' || !keys.some(({ id }) => id === bad)) return;
        throw Object.assign(new Error('EIO'), { code: 'EIO' });
      },
    });
  await passLater(bench);
  expect(unknownOf(bench)).toContain(bad);
  expect(unknownOf(bench).length).toBeLessThan(150);
  await bench.close();
});

it('a copy that an unlink without an answer may still undo is not believed, and is verified behind that unlink', async () => {
  const bench = await openReplicaBench(20);
  const bytes = bytesOf('undone', 2);
  const { again, answer } = await withLateUnlink(bench, bytes);
  confirmCopy(bench, again);
  expect(unknownOf(bench)).toEqual(chunkIdsOf(bytes));
  expect(stateOf(bench, again)).toBe('done');
  // Not while the unlink is under way: what is put then may go again.
  await passLater(bench);
  expect(stateOf(bench, again)).toBe('done');
  answer();
  await settle();
  expect([await chunksOf(bench.replica), stateOf(bench, again)]).toEqual([[], 'pending']);
  confirmCopy(bench, again);
  expect(unknownOf(bench)).toEqual([]);
  await bench.close();
});

it('what a stopped process left unknown of a file that is there is verified by the next pass', async () => {
  const bench = await openReplicaBench();
  const bytes = bytesOf('left', 2);
  const { fileId } = await putEverywhere(bench, bytes);
  confirmCopy(bench, fileId);
  bench.parts.catalog.unknownChunks.note([bench.replicaId], chunkIdsOf(bytes), 0);
  await passLater(bench);
  expect([stateOf(bench, fileId), unknownOf(bench)]).toEqual(['pending', chunkIdsOf(bytes)]);
  await bench.close();
});
