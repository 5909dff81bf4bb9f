import { StoreError } from '#libs/kernel';
import type { ClusterId, StoreId } from '#libs/kernel';
import type { Store, StoreIdentity, StorePlace } from '#libs/stores';
import { describe, expect, it } from 'vitest';
import { CLUSTER_ID, SOURCE_ID, TARGET_ID } from '../testing/src/index.js';
import { StoreOpener } from './store-opener.js';

const OTHER_CLUSTER = 'c1057e40-0000-4000-8000-0000000000ff' as ClusterId;
const THIRD_ID = '5704e000-0000-4000-8000-00000000000c' as StoreId;

const identity = (storeId: StoreId, clusterId: ClusterId = CLUSTER_ID): StoreIdentity => ({
  clusterId,
  storeId,
  name: 'store',
  peers: [],
});

const ioError = Object.assign(new Error('EIO'), { code: 'EIO' });
const unreadable = new StoreError('store_unreadable', 'it is no JSON');

/** A place whose disk can be swapped: what it answers is an identity, nothing, or an error. */
class SwappablePlace implements StorePlace {
  readonly location: string;
  stands: StoreIdentity | Error | undefined;
  openings = 0;

  constructor(location: string, stands: StoreIdentity | Error | undefined) {
    this.location = location;
    this.stands = stands;
  }

  async identify(): Promise<StoreIdentity | undefined> {
    if (this.stands instanceof Error) throw this.stands;
    return this.stands;
  }

  async init(): Promise<void> {
    throw new Error('a transfer makes no store');
  }

  open(opened: StoreIdentity): Store {
    this.openings += 1;
    return { identity: opened } as Store;
  }
}

const place = (stands: StoreIdentity | Error | undefined, location = '/place'): SwappablePlace =>
  new SwappablePlace(location, stands);

const openerOf = (...places: readonly SwappablePlace[]): StoreOpener =>
  new StoreOpener({ places, clusterId: CLUSTER_ID });

describe('opening a store', () => {
  it('finds the place that says it is that store', async () => {
    const [one, two] = [place(identity(SOURCE_ID)), place(identity(TARGET_ID))];
    const store = await openerOf(one, two).open(TARGET_ID);
    expect(store.identity.storeId).toBe(TARGET_ID);
    expect([one.openings, two.openings]).toEqual([0, 1]);
  });

  it.each([
    ['an unmounted disk', undefined, 'store_unreachable'],
    ['a disk that does not answer', ioError, 'store_unreachable'],
    ['a damaged identity', unreadable, 'store_unreadable'],
    ['another store of the installation', identity(THIRD_ID), 'store_foreign'],
    ['a store of another installation', identity(THIRD_ID, OTHER_CLUSTER), 'store_foreign'],
    ['the same store, adopted by another installation', identity(TARGET_ID, OTHER_CLUSTER), 'store_foreign'],
  ])('asks again each time, and refuses %s', async (_name, stands, code) => {
    const swapped = place(identity(TARGET_ID));
    const opener = openerOf(place(identity(SOURCE_ID)), swapped);
    await opener.open(TARGET_ID);
    swapped.stands = stands;
    await expect(opener.open(TARGET_ID)).rejects.toMatchObject({ code });
    expect(swapped.openings).toBe(1);
    swapped.stands = identity(TARGET_ID);
    await opener.open(TARGET_ID);
    expect(swapped.openings).toBe(2);
  });

  it('follows a disk to another of the places', async () => {
    const [one, two] = [place(identity(SOURCE_ID)), place(identity(TARGET_ID))];
    const opener = openerOf(one, two);
    await opener.open(TARGET_ID);
    [one.stands, two.stands] = [two.stands, one.stands];
    await opener.open(TARGET_ID);
    expect(one.openings).toBe(1);
  });

  it.each([
    ['a place that does not answer may hold it', [identity(SOURCE_ID), ioError], 'store_unreachable'],
    ['a place without a store may be its mount point', [identity(SOURCE_ID), undefined], 'store_unreachable'],
    ['a stranger stands somewhere', [identity(SOURCE_ID), identity(THIRD_ID, OTHER_CLUSTER)], 'store_foreign'],
    ['all places hold other stores', [identity(SOURCE_ID), identity(THIRD_ID)], 'store_unreachable'],
    ['a copy stands beside it', [identity(TARGET_ID), identity(TARGET_ID)], 'store_foreign'],
    ['a copy of another stands somewhere', [identity(SOURCE_ID), identity(SOURCE_ID)], 'store_foreign'],
    ['there are no places', [], 'store_unreachable'],
  ])('refuses one that it has not met yet: %s', async (_name, stands, code) => {
    const places = stands.map((standing) => place(standing));
    await expect(openerOf(...places).open(TARGET_ID)).rejects.toMatchObject({
      code,
      context: { store_id: TARGET_ID },
    });
    expect(places.every(({ openings }) => openings === 0)).toBe(true);
  });

  it('is not kept from one store by another that does not answer', async () => {
    const opener = openerOf(place(ioError), place(identity(TARGET_ID)));
    expect((await opener.open(TARGET_ID)).identity.storeId).toBe(TARGET_ID);
  });
});
