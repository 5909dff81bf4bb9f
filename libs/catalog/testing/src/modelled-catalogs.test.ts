import { lsn } from '#libs/kernel';
import type { ClusterId, LogId } from '#libs/kernel';
import { beforeEach, describe, expect, it } from 'vitest';
import type { Catalog } from '../../src/catalog.js';
import { ModelledCatalogs } from './modelled-catalogs.js';
import type { CatalogImage } from './modelled-catalogs.js';

const CLUSTER_ID = 'c1057e40-0000-4000-8000-000000000001' as ClusterId;
const LOG = '10900000-0000-4000-8000-000000000001' as LogId;

let catalogs: ModelledCatalogs;
let catalog: Catalog;

beforeEach(async () => {
  catalogs = new ModelledCatalogs();
  catalog = await catalogs.create(CLUSTER_ID, async (building) => commit(building, 1));
});

function commit(target: Catalog, appliedLsn: number): void {
  target.apply({ changes: [], logId: LOG, appliedLsn: lsn(appliedLsn), replicaIds: [], nowMs: 0 });
}

/** The applied LSN in each image; 0 where the image is of no catalog. */
async function appliedIn(images: readonly CatalogImage[]): Promise<number[]> {
  const found: number[] = [];
  for (const image of images) {
    const reading = await new ModelledCatalogs(image).open();
    found.push(reading.ok ? reading.catalog.appliedLsn(LOG)! : 0);
    if (reading.ok) await reading.catalog.close();
  }
  return found;
}

describe('a modelled place of catalogs', () => {
  it('may hold any committed prefix after a power cut, from the durable one on', async () => {
    commit(catalog, 2);
    commit(catalog, 3);
    expect(await appliedIn(catalogs.images())).toEqual([1, 2, 3]);
    catalog.makeDurable();
    expect(await appliedIn(catalogs.images())).toEqual([3]);
    commit(catalog, 4);
    await catalog.close();
    expect(await appliedIn(catalogs.images())).toEqual([3, 4]);
  });

  it('takes a single statement for the commit that it is', () => {
    catalog.garbage.hold('log_was_gone', 0);
    expect(catalogs.images()).toHaveLength(2);
    expect(catalogs.images()).toHaveLength(2);
  });

  it('shows a killed process the newest, which is no more durable for it', async () => {
    commit(catalog, 2);
    const next = catalogs.killed();
    const reading = await next.open();
    expect(reading).toMatchObject({ ok: true });
    expect(await appliedIn(next.images())).toEqual([1, 2]);
  });

  it('tells of the instant before something becomes durable, with all that is possible then', async () => {
    const seen: [string, readonly CatalogImage[]][] = [];
    catalogs.onBoundary((boundary) => seen.push([boundary, catalogs.images()]));
    commit(catalog, 2);
    catalog.makeDurable();
    await catalogs.create(CLUSTER_ID, async (building) => commit(building, 9));
    await catalogs.setAside();
    const told = await Promise.all(seen.map(async ([boundary, images]) => [boundary, await appliedIn(images)]));
    expect(told).toEqual([
      ['makeDurable', [1, 2]],
      ['create', [2, 9]],
      ['setAside', [9, 0]],
    ]);
    expect(await catalogs.open()).toEqual({ ok: false, reason: 'missing' });
  });

  it('shows nothing of a catalog that is not whole yet', async () => {
    const boundaries: CatalogImage[][] = [];
    await catalogs.create(CLUSTER_ID, async (building) => {
      commit(building, 5);
      building.makeDurable();
      boundaries.push([...catalogs.images()]);
    });
    expect(await appliedIn(boundaries[0]!)).toEqual([1]);
    expect(await appliedIn(catalogs.images())).toEqual([5]);
  });
});
