import { createCatalog } from '#libs/catalog';
import type { Catalog, FileEntry } from '#libs/catalog';
import { nodeFileSystem } from '#libs/durable-fs';
import { lsn, newFileId } from '#libs/kernel';
import type { ClusterId, FileId, LogId, StoreId } from '#libs/kernel';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { FileStoreContext } from './context.js';
import { NO_COPIES } from './copies.js';
import { FileCache } from './file-cache.js';
import { listFiles } from './list-files.js';
import type { FilePage } from './types.js';

const LOG = '10900000-0000-4000-8000-000000000001' as LogId;
const REPLICA = '5704e000-0000-4000-8000-000000000002' as StoreId;
const LATER = '5704e000-0000-4000-8000-000000000003' as StoreId;

let root: string;
let catalog: Catalog;
let context: FileStoreContext;
let appliedLsn = 0;

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'holdfast-list-'));
  const clusterId = 'c1057e40-0000-4000-8000-000000000001' as ClusterId;
  catalog = await createCatalog(nodeFileSystem, join(root, 'catalog.db'), clusterId, async () => undefined);
  const replicas = [
    { storeId: REPLICA, name: 'replica' },
    { storeId: LATER, name: 'later' },
  ];
  // A listing looks at nothing else.
  context = { catalog, replicas, copies: NO_COPIES } as unknown as FileStoreContext;
});
afterEach(async () => {
  await catalog.close();
  await rm(root, { recursive: true });
});

function entry(fileName: string, fileId = newFileId(0)): FileEntry {
  const rest = { fileSize: 0, contentType: '', sha256: '', chunkSize: 1, chunkCount: 0, createdAtMs: 0, wait: 0 };
  return { fileId, fileName, logId: LOG, lsn: lsn(1), mode: 'async', ...rest };
}

function put(...files: FileEntry[]): void {
  const changes = files.map((file) => ({ kind: 'put' as const, entry: file, chunkIds: [] }));
  catalog.apply({ changes, logId: LOG, appliedLsn: lsn((appliedLsn += 1)), replicaIds: [REPLICA], nowMs: 0 });
}

function remove(fileId: FileId): void {
  const changes = [{ kind: 'delete' as const, fileId }];
  catalog.apply({ changes, logId: LOG, appliedLsn: lsn((appliedLsn += 1)), replicaIds: [REPLICA], nowMs: 0 });
}

const list = (prefix: string, limit: number, cursor?: string): FilePage =>
  listFiles(context, { prefix, limit, cursor });
const names = ({ files }: FilePage): string[] => files.map(({ fileName }) => fileName);

/** All pages of a listing; `between` runs after each but the last. */
function listAll(prefix: string, limit: number, between: (page: FilePage) => void = () => undefined): string[] {
  const all: string[] = [];
  for (let page = list(prefix, limit); ; page = list(prefix, limit, page.nextCursor)) {
    all.push(...names(page));
    if (page.nextCursor === undefined) return all;
    expect(page.files).toHaveLength(limit);
    between(page);
  }
}

describe('listing files', () => {
  it('gives receipts: what is known of a file and of its copies', () => {
    const file = entry('a');
    put(file);
    const stores = [
      { name: 'replica', state: 'pending' },
      { name: 'later', state: 'absent' },
    ];
    expect(list('', 10)).toEqual({ files: [{ ...file, stores }], nextCursor: undefined });
  });

  it('gives the same whole in pages of every size', () => {
    const sorted = ['a', 'a', 'a!', 'aa', 'b', '~', 'é', '\uffff', '😀', '😀', '\u{10ffff}'];
    put(...sorted.toReversed().map((name) => entry(name)));
    for (let limit = 1; limit <= sorted.length + 1; limit += 1) {
      expect(listAll('', limit), `in pages of ${limit}`).toEqual(sorted);
    }
  });

  it.each([
    ['a', ['a', 'a', 'aa', 'ab/c', 'a\u{10ffff}']],
    ['aa', ['aa']],
    ['ab/', ['ab/c']],
    ['A', ['A']],
    ['\u{10ffff}', []],
    ['😀', ['😀', '😀b']],
    ['%', ['%']],
    ['_', []],
    ['aaa', []],
  ])('by the prefix %j, which is no pattern', (prefix, expected) => {
    put(...['a', 'a', 'aa', 'ab/c', 'a\u{10ffff}', 'A', 'b', '😀', '😀b', '%'].map((name) => entry(name)));
    for (let limit = 1; limit <= 6; limit += 1) expect(listAll(prefix, limit)).toEqual(expected);
  });

  it('has no next page where the files behind the last one have another prefix', () => {
    put(entry('a1'), entry('a2'), entry('b'));
    expect(list('a', 2).nextCursor).toBeUndefined();
    expect(list('a', 1).nextCursor).toBeDefined();
  });

  it('goes on where the file that the cursor names was deleted', () => {
    put(...Array.from({ length: 9 }, (_, index) => entry(`file ${index}`)));
    const all = listAll('', 2, ({ files }) => remove(files.at(-1)!.fileId));
    expect(all).toEqual(Array.from({ length: 9 }, (_, index) => `file ${index}`));
  });

  it('goes on among files of one name', () => {
    const files = Array.from({ length: 7 }, () => entry('same'));
    put(...files);
    const ids: FileId[] = [];
    for (let page = list('', 2); ; page = list('', 2, page.nextCursor)) {
      ids.push(...page.files.map(({ fileId }) => fileId));
      if (page.nextCursor === undefined) break;
    }
    expect(ids).toEqual(files.map(({ fileId }) => fileId).sort());
  });

  it.each([
    ['nothing', ''],
    ['no base64', '%%%'],
    ['no JSON', Buffer.from('{').toString('base64url')],
    ['null', Buffer.from('null').toString('base64url')],
    ['a number', Buffer.from('7').toString('base64url')],
    ['a list that is too short', Buffer.from('["a"]').toString('base64url')],
    ['a list of numbers', Buffer.from('[1,2]').toString('base64url')],
  ])('refuses a cursor that holds %s', (_name, cursor) => {
    expect(() => list('', 10, cursor)).toThrow(expect.objectContaining({ code: 'invalid_request' }) as Error);
  });
});

describe('the cache of entries', () => {
  it('has what was put until it is dropped', () => {
    const cache = new FileCache();
    const [first, second] = [entry('first'), entry('second')];
    expect(cache.get(first.fileId)).toBeUndefined();
    cache.put(first);
    cache.put(second);
    expect(cache.get(first.fileId)).toBe(first);
    cache.drop(first.fileId);
    cache.drop(first.fileId);
    expect(cache.get(first.fileId)).toBeUndefined();
    expect(cache.get(second.fileId)).toBe(second);
  });

  it('holds ten thousand, and lets go of those that were not asked for', () => {
    const cache = new FileCache();
    const files = Array.from({ length: 10_001 }, (_, index) => entry(`${index}`));
    cache.put(files[0]!);
    for (const file of files.slice(1)) {
      cache.get(files[0]!.fileId);
      cache.put(file);
    }
    expect(cache.get(files[0]!.fileId)).toBe(files[0]);
    expect(cache.get(files[1]!.fileId)).toBeUndefined();
    expect(files.filter(({ fileId }) => cache.get(fileId) !== undefined)).toHaveLength(10_000);
  });
});
