import type { ChunkId, FileId } from '#libs/kernel';
import { createHash } from 'node:crypto';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { ObjectKey, ObjectKind, Store } from '../../src/store.js';

export interface StoreUnderTest {
  /** An empty store. */
  readonly store: Store;
  /** Makes the next `put` fail after its bytes have been written, as late as this store can. */
  failNextPut(): void;
  /** What has been set aside, by its path below `corrupt/`. */
  setAside(): Promise<ReadonlyMap<string, string>>;
  cleanUp(): Promise<void>;
}

const KINDS: readonly ObjectKind[] = ['manifest', 'tombstone', 'chunk'];

const bytes = (text: string): Buffer => Buffer.from(text);

/** Key number `index` of a kind; the numbers are spread over the shards, several to some of them. */
function keyOf(kind: ObjectKind, index: number): ObjectKey {
  const digest = createHash('sha256').update(`object ${index}`).digest('hex');
  // A shard of sixteen, so that a few dozen objects share theirs.
  const shard = digest.slice(0, 1).padStart(2, '0');
  if (kind === 'chunk') return { kind, id: `${shard}${digest.slice(2)}` as ChunkId };
  const hex = `01932b7e8a2c7${digest.slice(0, 3)}9${digest.slice(3, 16)}${shard}`;
  const id = hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5') as FileId;
  return { kind, id };
}

const keysOf = (kind: ObjectKind, count: number): ObjectKey[] =>
  Array.from({ length: count }, (_, index) => keyOf(kind, index));

/** The order of a listing: by shard, then by id. */
function inKeyOrder(keys: readonly ObjectKey[]): string[] {
  const place = ({ kind, id }: ObjectKey): string => `${kind === 'chunk' ? id.slice(0, 2) : id.slice(-2)}/${id}`;
  return [...keys].sort((left, right) => Buffer.compare(bytes(place(left)), bytes(place(right)))).map(({ id }) => id);
}

/** Ids of all pages; `between` runs after each page but the last. */
async function listAll(
  store: Store,
  kind: ObjectKind,
  limit: number,
  between: (ids: readonly string[]) => Promise<void> = async () => undefined,
): Promise<string[]> {
  const all: string[] = [];
  for (let after: string | undefined; ;) {
    const page = await store.list(kind, after === undefined ? { limit } : { limit, after });
    expect(page.ids.length).toBeLessThanOrEqual(limit);
    all.push(...page.ids);
    if (page.next === undefined) return all;
    expect(page.ids).toHaveLength(limit);
    expect(page.next, 'a cursor that does not move').not.toBe(after);
    after = page.next;
    await between(page.ids);
  }
}

async function emptyStore(store: Store): Promise<void> {
  for (const kind of KINDS) {
    for (const id of await listAll(store, kind, 1000)) await store.delete({ kind, id } as ObjectKey);
  }
}

/** What every store does, as far as a caller can see; what a power cut leaves of it is each store's own matter. */
export function storeContract(name: string, makeStore: () => Promise<StoreUnderTest>): void {
  describe(`the Store contract: ${name}`, () => {
    let subject: StoreUnderTest;
    const store = (): Store => subject.store;

    beforeAll(async () => {
      subject = await makeStore();
    });
    // To make a store anew takes longer than any test.
    afterEach(() => emptyStore(subject.store));
    afterAll(() => subject.cleanUp());

    describe.each(KINDS)('%s', (kind) => {
      describeObjects(kind, store, () => subject.failNextPut());
      describeBatches(kind, store, () => subject.failNextPut());
      describeSettingAside(kind, store, () => subject.setAside());
      describeReads(kind, store);
      describeListing(kind, store);
    });
    describeKinds(store);
  });
}

function describeObjects(kind: ObjectKind, store: () => Store, failNextPut: () => void): void {
  const key = keyOf(kind, 0);

  it('gives back what was put, whole', async () => {
    const content = Buffer.alloc(300_000, 'abcdefg');
    await store().put(key, content);
    expect((await store().get(key))?.equals(content)).toBe(true);
    expect(await store().has(key)).toBe(300_000);
  });

  it('keeps an empty object apart from none', async () => {
    await store().put(key, Buffer.alloc(0));
    expect(await store().get(key)).toHaveLength(0);
    expect(await store().getRange(key, { start: 0, end: 4 })).toHaveLength(0);
    expect(await store().has(key)).toBe(0);
  });

  it('has nothing of what was never put', async () => {
    await store().put(key, bytes('other'));
    const missing = keyOf(kind, 1);
    expect(await store().get(missing)).toBeUndefined();
    expect(await store().get(missing, { into: Buffer.alloc(8) })).toBeUndefined();
    expect(await store().getRange(missing, { start: 0, end: 8 })).toBeUndefined();
    expect(await store().has(missing)).toBeUndefined();
  });

  it('takes the same object again, also many times at once', async () => {
    await Promise.all(Array.from({ length: 8 }, () => store().put(key, bytes('same'))));
    await store().put(key, bytes('same'));
    expect((await store().get(key))?.toString()).toBe('same');
    expect((await store().list(kind, { limit: 10 })).ids).toEqual([key.id]);
  });

  it('keeps nothing of the caller, and gives nothing of its own away', async () => {
    const content = bytes('abc');
    await store().put(key, content);
    content.fill(0);
    (await store().get(key))?.fill(0);
    expect((await store().get(key))?.toString()).toBe('abc');
  });

  it('deletes, and deletes again what is gone', async () => {
    await store().put(key, bytes('abc'));
    await store().put(keyOf(kind, 1), bytes('kept'));
    await store().delete(key);
    await store().delete(key);
    expect(await store().get(key)).toBeUndefined();
    expect(await store().has(key)).toBeUndefined();
    expect((await store().list(kind, { limit: 10 })).ids).toEqual([keyOf(kind, 1).id]);
    await store().put(key, bytes('again'));
    expect((await store().get(key))?.toString()).toBe('again');
  });

  it('has the old object, whole, where a put over it failed', async () => {
    await store().put(key, bytes('the old bytes, longer'));
    failNextPut();
    await expect(store().put(key, bytes('the new'))).rejects.toBeDefined();
    expect((await store().get(key))?.toString()).toBe('the old bytes, longer');
    await store().put(key, bytes('the new'));
    expect((await store().get(key))?.toString()).toBe('the new');
  });

  it('has nothing where a first put failed', async () => {
    failNextPut();
    await expect(store().put(key, bytes('the new'))).rejects.toBeDefined();
    expect(await store().get(key)).toBeUndefined();
    expect((await store().list(kind, { limit: 10 })).ids).toEqual([]);
  });

  it('shows a reader all of an object or none of it while it is put', async () => {
    const contents = ['a', 'b'].map((letter) => Buffer.alloc(200_000, letter));
    let putting = true;
    const puts = (async () => {
      for (let round = 0; round < 20; round += 1) await store().put(key, contents[round % 2]!);
      putting = false;
    })();
    while (putting) {
      const seen = await store().get(key);
      expect(seen === undefined || contents.some((content) => content.equals(seen))).toBe(true);
      await new Promise(setImmediate);
    }
    await puts;
  });
}

function describeBatches(kind: ObjectKind, store: () => Store, failNextPut: () => void): void {
  // One, few, and more than are cheaper to sync one by one.
  it.each([0, 1, 7, 60])('puts, and deletes, %i at once', async (count) => {
    const keys = keysOf(kind, count);
    const kept = keyOf(kind, count);
    await store().put(kept, bytes('kept'));
    await store().putAll(keys.map((key) => ({ key, bytes: bytes(`content of ${key.id}`) })));
    for (const key of keys) expect((await store().get(key))?.toString()).toBe(`content of ${key.id}`);
    expect(await listAll(store(), kind, 1000)).toEqual(inKeyOrder([...keys, kept]));
    await store().syncAll([...keys, kept]);
    await store().deleteAll([...keys, keyOf(kind, count + 1)]);
    await store().deleteAll(keys);
    expect(await listAll(store(), kind, 1000)).toEqual([kept.id]);
    expect((await store().get(kept))?.toString()).toBe('kept');
  });

  it('takes one object twice in a call', async () => {
    const key = keyOf(kind, 0);
    const content = bytes('same');
    await store().putAll([
      { key, bytes: content },
      { key, bytes: content },
    ]);
    expect((await store().get(key))?.toString()).toBe('same');
  });

  it('has every object whole, old or new, where a put of many failed', async () => {
    const keys = keysOf(kind, 40);
    await store().putAll(keys.slice(0, 20).map((key) => ({ key, bytes: bytes('the old bytes, longer') })));
    failNextPut();
    await expect(store().putAll(keys.map((key) => ({ key, bytes: bytes('the new') })))).rejects.toBeDefined();
    for (const [index, key] of keys.entries()) {
      const older = index < 20 ? 'the old bytes, longer' : undefined;
      expect([older, 'the new']).toContain((await store().get(key))?.toString());
    }
    await store().putAll(keys.map((key) => ({ key, bytes: bytes('the new') })));
    for (const key of keys) expect((await store().get(key))?.toString()).toBe('the new');
  });
}

function describeSettingAside(
  kind: ObjectKind,
  store: () => Store,
  aside: () => Promise<ReadonlyMap<string, string>>,
): void {
  const key = keyOf(kind, 0);

  it('has nothing of what was set aside, and takes it anew', async () => {
    await store().put(key, bytes('corrupt'));
    await store().put(keyOf(kind, 1), bytes('kept'));
    await store().setAside(key);
    expect(await store().get(key)).toBeUndefined();
    expect(await store().has(key)).toBeUndefined();
    expect(await listAll(store(), kind, 10)).toEqual([keyOf(kind, 1).id]);
    await store().put(key, bytes('whole'));
    expect((await store().get(key))?.toString()).toBe('whole');
  });

  it('sets aside again, each version under a name of its own, and what is not there', async () => {
    const before = new Set((await aside()).keys());
    for (const content of ['one', 'two']) {
      await store().put(key, bytes(content));
      await store().setAside(key);
    }
    await store().setAside(key);
    expect(await store().has(key)).toBeUndefined();
    const added = [...(await aside())].filter(([name]) => !before.has(name));
    expect(added.map(([, content]) => content).sort()).toEqual(['one', 'two']);
    for (const [name] of added) expect(name.startsWith(`${kind}-${key.id}-`), name).toBe(true);
  });
}

function describeReads(kind: ObjectKind, store: () => Store): void {
  const key = keyOf(kind, 0);

  it('reads into memory that it is given, and answers with a part of it', async () => {
    await store().put(key, bytes('abcdef'));
    const into = Buffer.alloc(10, 'x');
    const read = await store().get(key, { into });
    expect(read?.toString()).toBe('abcdef');
    expect(read?.buffer).toBe(into.buffer);
    expect(read?.byteOffset).toBe(into.byteOffset);
    expect(into.toString()).toBe('abcdefxxxx');
  });

  it('reads the empty object into memory', async () => {
    await store().put(key, Buffer.alloc(0));
    expect(await store().get(key, { into: Buffer.alloc(4) })).toHaveLength(0);
  });

  it.each([
    ['the whole', 0, 10, '0123456789'],
    ['the beginning', 0, 1, '0'],
    ['the middle', 3, 7, '3456'],
    ['the end', 9, 10, '9'],
    ['nothing', 5, 5, ''],
    ['more than there is', 8, 20, '89'],
    ['what starts at the end', 10, 12, ''],
    ['what starts behind the end', 30, 40, ''],
  ])('reads a range: %s', async (_name, start, end, expected) => {
    await store().put(key, bytes('0123456789'));
    expect((await store().getRange(key, { start, end }))?.toString()).toBe(expected);
  });
}

function describeListing(kind: ObjectKind, store: () => Store): void {
  it('lists nothing in an empty store', async () => {
    expect(await store().list(kind, { limit: 5 })).toEqual({ ids: [], next: undefined });
  });

  it('lists by shard and id, and every page size gives the same whole', async () => {
    const keys = keysOf(kind, 23);
    await Promise.all(keys.map((key) => store().put(key, bytes(key.id))));
    const expected = inKeyOrder(keys);
    for (let limit = 1; limit <= keys.length + 1; limit += 1) {
      expect(await listAll(store(), kind, limit), `in pages of ${limit}`).toEqual(expected);
    }
  });

  it('reads many small objects at once, each as it is alone', async () => {
    const [there, missing, long, other] = keysOf(kind, 4) as [ObjectKey, ObjectKey, ObjectKey, ObjectKey];
    await store().put(there, bytes('there'));
    await store().put(long, Buffer.alloc(100, 1));
    await store().put(other, bytes(''));
    const [first, absent, large, empty, again] = await store().getAll([there, missing, long, other, there], {
      maxBytes: 99,
    });
    expect([first, absent, large, empty, again].map(String)).toEqual(['there', 'absent', 'large', '', 'there']);
    expect(await store().getAll([long], { maxBytes: 100 })).toEqual([Buffer.alloc(100, 1)]);
    expect(await store().getAll([], { maxBytes: 100 })).toEqual([]);
  });

  it('lists sizes where they are wanted, in pages too', async () => {
    const keys = keysOf(kind, 5);
    for (const [index, key] of keys.entries()) await store().put(key, Buffer.alloc(index + 1));
    const expected = inKeyOrder(keys).map((id) => keys.findIndex((key) => key.id === id) + 1);
    const first = await store().list(kind, { limit: 3, sizes: 'wanted' });
    const rest = await store().list(kind, { limit: 3, after: first.next!, sizes: 'wanted' });
    expect([...first.sizes!, ...rest.sizes!]).toEqual(expected);
    expect(rest.next).toBeUndefined();
  });

  it('knows a full page from a last page', async () => {
    const keys = keysOf(kind, 4);
    for (const key of keys) await store().put(key, bytes('x'));
    expect((await store().list(kind, { limit: 4 })).next).toBeUndefined();
    expect((await store().list(kind, { limit: 3 })).next).toBeDefined();
  });

  it('goes on where the object that the cursor names was deleted', async () => {
    const keys = keysOf(kind, 12);
    for (const key of keys) await store().put(key, bytes('x'));
    const byId = new Map(keys.map((key) => [key.id as string, key]));
    const listed = await listAll(store(), kind, 5, async (ids) => store().delete(byId.get(ids.at(-1)!)!));
    expect(listed).toEqual(inKeyOrder(keys));
  });

  it('lists every object that stays exactly once while others come and go', async () => {
    const [staying, going] = [keysOf(kind, 40).slice(0, 20), keysOf(kind, 40).slice(20)];
    for (const key of staying) await store().put(key, bytes('x'));
    let turn = 0;
    const listed = await listAll(store(), kind, 3, async () => {
      await store().put(going[turn % going.length]!, bytes('x'));
      await store().delete(going[(turn * 7) % going.length]!);
      turn += 1;
    });
    expect(listed).toEqual([...new Set(listed)]);
    const stayingIds = new Set<string>(staying.map(({ id }) => id));
    expect(listed.filter((id) => stayingIds.has(id))).toEqual(inKeyOrder(staying));
  });
}

function describeKinds(store: () => Store): void {
  it('keeps the kinds apart, also under one id', async () => {
    const [manifest, tombstone, chunk] = KINDS.map((kind) => keyOf(kind, 0)) as [ObjectKey, ObjectKey, ObjectKey];
    expect(manifest.id).toBe(tombstone.id);
    for (const key of [manifest, tombstone, chunk]) await store().put(key, bytes(key.kind));
    await store().delete(manifest);
    expect(await store().get(manifest)).toBeUndefined();
    expect((await store().get(tombstone))?.toString()).toBe('tombstone');
    expect((await store().list('manifest', { limit: 5 })).ids).toEqual([]);
    expect((await store().list('tombstone', { limit: 5 })).ids).toEqual([tombstone.id]);
    expect((await store().list('chunk', { limit: 5 })).ids).toEqual([chunk.id]);
  });

  it('says who it is', () => {
    expect(store().identity.storeId).toMatch(/^[0-9a-f-]{36}$/);
  });
}
