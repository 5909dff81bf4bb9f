import { CrashFileSystem } from '#libs/durable-fs/testing';
import { newUuid, StoreError } from '#libs/kernel';
import type { ClusterId, ErrorCode, StoreId } from '#libs/kernel';
import { DirectoryPlace, readIdentity } from '#libs/stores';
import type { StoreIdentity, StorePlace } from '#libs/stores';
import { silentLog } from '#libs/telemetry';
import { beforeEach, describe, expect, it } from 'vitest';
import { bindStores } from './bind-stores.js';
import { LateReplicas } from './late-replicas.js';
import type { Replica } from './types.js';

/** A place across a network: it holds an identity, and can be away. */
class FarPlace implements StorePlace {
  readonly location = 's3://far';
  identity: StoreIdentity | undefined;
  awayWith: ErrorCode | undefined;
  initFailsWith: ErrorCode | undefined;

  async identify(): Promise<StoreIdentity | undefined> {
    if (this.awayWith !== undefined) throw new StoreError(this.awayWith, 'away');
    return this.identity;
  }

  async init(identity: StoreIdentity): Promise<void> {
    if (this.initFailsWith !== undefined) throw new StoreError(this.initFailsWith, 'no');
    this.identity = identity;
  }

  open(): never {
    throw new Error('a binding opens no store');
  }
}

let fs: CrashFileSystem;
let far: FarPlace;

beforeEach(() => {
  fs = new CrashFileSystem();
  far = new FarPlace();
});

/** Binds as a start does; answers with the replicas by name. */
async function start(places: Readonly<Record<string, StorePlace>>): Promise<Record<string, Replica>> {
  const { replicas } = await bindStores({
    fs,
    log: silentLog,
    storagePath: '/primary',
    replicas: Object.entries(places).map(([name, place]) => ({ name, place })),
    logCluster: undefined,
    catalogCluster: undefined,
  });
  return Object.fromEntries(replicas.map((replica) => [replica.name, replica]));
}

const near = (path = '/near'): DirectoryPlace => new DirectoryPlace(fs, path);
const peers = async (): Promise<StoreIdentity['peers']> => (await readIdentity(fs, '/primary'))!.peers;
const ofAnother = (): StoreIdentity => ({
  clusterId: newUuid<ClusterId>(),
  storeId: newUuid<StoreId>(),
  name: 'far',
  peers: [],
});

describe.each<ErrorCode>(['store_unreachable', 'store_refused'])('a replica that is new and away (%s)', (code) => {
  it('gets its id now, keeps it over starts, and is made under it when it answers', async () => {
    far.awayWith = code;
    const first = (await start({ far }))['far']!;
    expect(first).toMatchObject({ bound: 'offline', initAs: { storeId: first.storeId, name: 'far' } });
    expect(await peers()).toEqual([{ storeId: first.storeId, name: 'far', location: 's3://far', unmade: true }]);
    expect((await start({ far }))['far']).toMatchObject({ bound: 'offline', storeId: first.storeId });
    far.awayWith = undefined;
    expect((await start({ far }))['far']).toMatchObject({ bound: 'online', storeId: first.storeId });
    expect(far.identity).toMatchObject({ storeId: first.storeId });
    expect(await peers()).toEqual([{ storeId: first.storeId, name: 'far', location: 's3://far' }]);
  });

  it('does not hold up a directory beside it, nor the first start', async () => {
    far.awayWith = code;
    expect(await start({ far, near: near() })).toMatchObject({ far: { bound: 'offline' }, near: { bound: 'online' } });
  });

  it('is foreign, and no reason not to start, where another installation turns out to be there', async () => {
    far.awayWith = code;
    const { storeId } = (await start({ far }))['far']!;
    far.awayWith = undefined;
    far.identity = ofAnother();
    expect((await start({ far }))['far']).toMatchObject({ bound: 'foreign', storeId });
  });
});

describe('a replica that answers and cannot be made yet', () => {
  it.each<ErrorCode>(['store_refused', 'store_unreachable', 'store_full'])('for %s is offline', async (code) => {
    far.initFailsWith = code;
    const replica = (await start({ far }))['far']!;
    expect(replica).toMatchObject({ bound: 'offline', initAs: { storeId: replica.storeId } });
    far.initFailsWith = undefined;
    expect((await start({ far }))['far']).toMatchObject({ bound: 'online', storeId: replica.storeId });
  });

  it('for any other reason refuses the start', async () => {
    far.initFailsWith = 'store_foreign';
    await expect(start({ far })).rejects.toMatchObject({ code: 'store_foreign' });
  });
});

describe('a replica that was made', () => {
  it('is offline under its id while it is away, and nothing is made', async () => {
    const { storeId } = (await start({ far }))['far']!;
    far.awayWith = 'store_unreachable';
    const away = (await start({ far }))['far']!;
    expect(away).toMatchObject({ bound: 'offline', storeId });
    expect(away.initAs).toBeUndefined();
  });

  it('is offline where its place is empty, and nothing is made', async () => {
    const { storeId } = (await start({ far }))['far']!;
    far.identity = undefined;
    expect((await start({ far }))['far']).toMatchObject({ bound: 'offline', storeId });
    expect(far.identity).toBeUndefined();
  });

  it('keeps its id under another name', async () => {
    const { storeId } = (await start({ far }))['far']!;
    expect((await start({ renamed: far }))['renamed']).toMatchObject({ bound: 'online', storeId });
    expect(await peers()).toEqual([{ storeId, name: 'renamed', location: 's3://far' }]);
  });

  it('is not taken for two, where its directory was copied', async () => {
    await start({ near: near() });
    const identity = (await readIdentity(fs, '/near'))!;
    await near('/copy').init(identity);
    await expect(start({ near: near(), copy: near('/copy') })).rejects.toMatchObject({ code: 'store_mismatch' });
  });
});

describe('a replica taken out of the settings', () => {
  const removed = async (): Promise<StoreId> => {
    const { storeId } = (await start({ near: near() }))['near']!;
    await start({});
    expect(await peers()).toEqual([{ storeId, name: 'near', location: '/near', removed: true }]);
    return storeId;
  };

  it.each(['near', 'other'])('is foreign when it comes back as %s, at every start', async (name) => {
    const storeId = await removed();
    for (let round = 0; round < 2; round += 1) {
      expect((await start({ [name]: near() }))[name]).toMatchObject({
        bound: 'foreign',
        storeId,
        awaitsAdoption: true,
      });
    }
    expect(await peers()).toMatchObject([{ storeId, removed: true }]);
  });

  it('is foreign in the place of another, which stays owed under its own id', async () => {
    await removed();
    const { storeId } = (await start({ far }))['far']!;
    const back = (await start({ far: near() }))['far']!;
    expect(back).toMatchObject({ bound: 'foreign', storeId });
    expect(back.awaitsAdoption).toBeUndefined();
    expect((await start({ far }))['far']).toMatchObject({ bound: 'online', storeId });
  });

  it('leaves its name to a new store in an empty place', async () => {
    const storeId = await removed();
    const fresh = (await start({ near: near('/fresh') }))['near']!;
    expect(fresh.bound).toBe('online');
    expect(fresh.storeId).not.toBe(storeId);
    expect(await peers()).toMatchObject([{ storeId, removed: true }, { storeId: fresh.storeId }]);
  });
});

describe('a place that refuses the start', () => {
  it('is one of another installation, that nobody remembers', async () => {
    await start({});
    far.identity = ofAnother();
    await expect(start({ far })).rejects.toMatchObject({ code: 'store_mismatch' });
  });

  it('is one that does not say who it is: before a new primary is made', async () => {
    await fs.makeDirectory('/near');
    await fs.replaceFile('/near/holdfast.json', Buffer.from('{'), '/near/tmp');
    await expect(start({ near: near() })).rejects.toMatchObject({ code: 'store_unreadable' });
    expect(await readIdentity(fs, '/primary')).toBeUndefined();
  });
});

describe('a late replica', () => {
  const late = new Map<string, FarPlace>();
  const twoLate = async (): Promise<Record<string, Replica>> => {
    for (const name of ['one', 'two']) {
      late.set(name, new FarPlace());
      late.get(name)!.awayWith = 'store_unreachable';
    }
    const replicas = await start(Object.fromEntries(late));
    for (const place of late.values()) place.awayWith = undefined;
    return replicas;
  };

  it('is made, and from then on missed where its place is empty', async () => {
    const { one, two } = await twoLate();
    const lateReplicas = new LateReplicas({ fs, storagePath: '/primary' });
    await Promise.all([lateReplicas.make(one!), lateReplicas.make(two!)]);
    expect((await peers()).map(({ unmade }) => unmade)).toEqual([undefined, undefined]);
    expect(late.get('one')!.identity).toMatchObject({ storeId: one!.storeId });
    late.get('one')!.identity = undefined;
    expect((await start(Object.fromEntries(late)))['one']).toMatchObject({ bound: 'offline', storeId: one!.storeId });
    expect(late.get('one')!.identity).toBeUndefined();
  });

  it('is not made over what somebody else made there meanwhile', async () => {
    const { one, two } = await twoLate();
    const lateReplicas = new LateReplicas({ fs, storagePath: '/primary' });
    const other = ofAnother();
    late.get('one')!.identity = other;
    await expect(lateReplicas.make(one!)).rejects.toMatchObject({ code: 'store_foreign' });
    expect(late.get('one')!.identity).toBe(other);
    await lateReplicas.make(two!);
    expect((await peers()).map(({ unmade }) => unmade)).toEqual([true, undefined]);
  });

  it('that cannot be made stays one', async () => {
    const { one } = await twoLate();
    late.get('one')!.initFailsWith = 'store_refused';
    const lateReplicas = new LateReplicas({ fs, storagePath: '/primary' });
    await expect(lateReplicas.make(one!)).rejects.toMatchObject({ code: 'store_refused' });
    expect((await peers())[0]).toMatchObject({ unmade: true });
  });
});
