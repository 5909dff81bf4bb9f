import { nodeFileSystem } from '#libs/durable-fs';
import { lsn, newFileId } from '#libs/kernel';
import type { ChunkId, ClusterId, FileId, LogId, StoreId } from '#libs/kernel';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Catalog } from './catalog.js';
import { createCatalog } from './open-catalog.js';
import type { Differences, StoreListing } from './store-listing.js';

const LOG = '10900000-0000-4000-8000-000000000001' as LogId;
const PRIMARY = '5704e000-0000-4000-8000-000000000001' as StoreId;
const REPLICA = '5704e000-0000-4000-8000-000000000002' as StoreId;
const chunk = (digit: string): ChunkId => digit.repeat(64) as ChunkId;
const [A, B] = [chunk('a'), chunk('b')];
const STARTED_AT = 100;

let root: string;
let catalog: Catalog;

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'holdfast-listing-'));
  const clusterId = 'c1057e40-0000-4000-8000-000000000001' as ClusterId;
  catalog = await createCatalog(nodeFileSystem, join(root, 'catalog.db'), clusterId, async () => undefined);
});
afterEach(async () => {
  await catalog.close();
  await rm(root, { recursive: true });
});

/** A file that the replica has confirmed at that time; undefined for one that is on its way. */
function put(chunkIds: ChunkId[], confirmedAtMs: number | undefined): FileId {
  const fileId = newFileId(1);
  const rest = { fileSize: 0, contentType: '', sha256: '', chunkSize: 1, chunkCount: 0, createdAtMs: 0, wait: 0 };
  const entry = { fileId, fileName: '', ...rest, logId: LOG, lsn: lsn(1), mode: 'async' as const };
  const place = { logId: LOG, appliedLsn: lsn(1), replicaIds: [REPLICA], nowMs: 0 };
  catalog.apply({ changes: [{ kind: 'put', entry, chunkIds }], ...place });
  if (confirmedAtMs !== undefined) {
    catalog.obligations.close([{ fileId, storeId: REPLICA, generation: 1, want: 'present' }], confirmedAtMs);
  }
  return fileId;
}

function remove(fileId: FileId, confirmedAtMs: number): void {
  const place = { logId: LOG, appliedLsn: lsn(1), replicaIds: [REPLICA], nowMs: 0 };
  catalog.apply({ changes: [{ kind: 'delete', fileId }], ...place });
  catalog.obligations.close([{ fileId, storeId: REPLICA, generation: 2, want: 'absent' }], confirmedAtMs);
}

const open = (storeId: StoreId): StoreListing =>
  catalog.listings.open({
    storeId,
    role: storeId === PRIMARY ? 'primary' : 'replica',
    startedAtMs: STARTED_AT,
  });

/** All pages, each of one row. */
function all<Found>(page: (query: { after?: never; limit: number }) => Differences<Found, string>): Found[] {
  const found: Found[] = [];
  for (let after: string | undefined; ;) {
    const { found: more, next } = page(after === undefined ? { limit: 1 } : { after: after as never, limit: 1 });
    found.push(...more);
    if (next === undefined) return found;
    after = next;
  }
}

describe('what a replica must hold', () => {
  it('is what it confirmed before the listing began, and of that what was not listed is missing', () => {
    const [there, gone] = [put([A], 1), put([B], 1)];
    put([], undefined);
    put([], STARTED_AT);
    const listing = open(REPLICA);
    listing.add('manifest', [there]);
    listing.add('chunk', [A]);
    expect(all((query) => listing.missingRecords(query))).toEqual([{ fileId: gone, kind: 'manifest' }]);
    expect(all((query) => listing.missingChunks(query))).toEqual([{ chunkId: B, fileId: gone }]);
  });

  it('a chunk that only files need which it has not confirmed is not missing', () => {
    put([A], undefined);
    put([B], STARTED_AT);
    expect(all((query) => open(REPLICA).missingChunks(query))).toEqual([]);
  });

  it('a confirmed delete leaves a tombstone, and no manifest', () => {
    const fileId = put([], 1);
    remove(fileId, 2);
    const listing = open(REPLICA);
    listing.add('manifest', [fileId]);
    expect(all((query) => listing.missingRecords(query))).toEqual([{ fileId, kind: 'tombstone' }]);
    expect(all((query) => listing.strayManifests(query))).toEqual([fileId]);
  });

  it('what nothing asks for is stray, and what is asked for is not', () => {
    const [file, deleted, unheardOf] = [put([A], 1), put([], 1), newFileId(1)];
    remove(deleted, 2);
    const listing = open(REPLICA);
    listing.add('manifest', [file]);
    listing.add('tombstone', [file, deleted, unheardOf]);
    listing.add('chunk', [A, B]);
    expect(all((query) => listing.strayManifests(query))).toEqual([]);
    expect(new Set(all((query) => listing.strayTombstones(query)))).toEqual(new Set([file, unheardOf]));
    expect(all((query) => listing.strayChunks(query))).toEqual([B]);
  });
});

describe('a listing that lies in the order of shards', () => {
  /** Of that shard; a first digit that says nothing of the order of shards. */
  const fileIn = (shard: string, first: string): FileId =>
    `${first}1900000-0000-7000-8000-0000000000${shard}` as FileId;
  const strays = [fileIn('00', 'f'), fileIn('01', '1'), fileIn('7f', '8'), fileIn('80', '0'), fileIn('ff', '1')];

  it('leaves no stray out whose id comes before those of an earlier shard', () => {
    const listing = open(REPLICA);
    const isThere = Array.from({ length: 40 }, () => put([], 1));
    listing.add('manifest', [...isThere, ...strays]);
    listing.add('tombstone', strays);
    expect(all((query) => listing.strayManifests(query))).toEqual(strays);
    expect(all((query) => listing.strayTombstones(query))).toEqual(strays);
  });

  it.each([1, 2, 3, 1000])('is looked at once, in pages of %i rows', (limit) => {
    const listing = open(REPLICA);
    const [first, second] = [fileIn('aa', '5'), fileIn('aa', '6')];
    listing.add('manifest', [...strays, first, second]);
    const found: FileId[] = [];
    for (let after: FileId | undefined; ;) {
      const page = listing.strayManifests({ after, limit });
      expect(page.found.length).toBeLessThanOrEqual(limit);
      found.push(...page.found);
      if (page.next === undefined) break;
      after = page.next;
    }
    expect(found).toEqual([...strays.slice(0, 4), first, second, strays[4]]);
  });

  it('tells what is there from what is missing, whatever the order of its pages', () => {
    const files = Array.from({ length: 40 }, () => put([], 1));
    const gone = put([], 1);
    const listing = open(REPLICA);
    for (const file of files.toReversed()) listing.add('manifest', [file]);
    listing.add('manifest', files);
    expect(all((query) => listing.missingRecords(query))).toEqual([{ fileId: gone, kind: 'manifest' }]);
  });
});

describe('what the primary must hold', () => {
  it('is every file, confirmed or not, and the tombstone of every delete', () => {
    const [file, deleted] = [put([A], undefined), put([B], 1)];
    remove(deleted, 2);
    const listing = open(PRIMARY);
    expect(all((query) => listing.missingRecords(query))).toEqual([{ fileId: file, kind: 'manifest' }]);
    expect(all((query) => listing.missingTombstones(query))).toEqual([{ fileId: deleted, kind: 'tombstone' }]);
    expect(all((query) => listing.missingChunks(query))).toEqual([{ chunkId: A, fileId: file }]);
  });

  it('is no tombstone that is expiring', () => {
    const deleted = put([B], 1);
    remove(deleted, 2);
    const ripeness = { primaryId: PRIMARY, untilMs: 2 };
    catalog.expiringDeletes.begin({ fileIds: [deleted], replicaIds: [REPLICA], nowMs: 3, ...ripeness });
    expect(all((query) => open(PRIMARY).missingTombstones(query))).toEqual([]);
    expect(all((query) => open(REPLICA).missingRecords(query))).toEqual([]);
  });

  it('a file that a replica holds is named for a chunk that several need', () => {
    for (let count = 0; count < 5; count += 1) put([A], undefined);
    const held = put([A], 1);
    for (let count = 0; count < 5; count += 1) put([A], undefined);
    expect(all((query) => open(PRIMARY).missingChunks(query))).toEqual([{ chunkId: A, fileId: held }]);
  });
});

it('several are open at once and know nothing of each other; what is dropped makes room', () => {
  put([A], 1);
  const listings = Array.from({ length: 8 }, () => open(REPLICA));
  listings[0]!.add('chunk', [A]);
  expect(listings.slice(0, 2).map((listing) => all((query) => listing.missingChunks(query)).length)).toEqual([0, 1]);
  expect(() => open(REPLICA)).toThrow('too many');
  for (const listing of listings) listing.drop();
  expect(all((query) => open(REPLICA).missingChunks(query))).toHaveLength(1);
});
