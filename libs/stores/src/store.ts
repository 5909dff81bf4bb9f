/**
 * The store port: a place that holds manifests, tombstones and chunks. One contract suite (testing/) runs against every
 * implementation. Objects are immutable: a second `put` of a key carries the same bytes.
 */
import type { ChunkId, FileId } from '#libs/kernel';
import type { StoreIdentity } from './store-identity.js';

export type ObjectKey =
  { readonly kind: 'manifest' | 'tombstone'; readonly id: FileId } | { readonly kind: 'chunk'; readonly id: ChunkId };

export type ObjectKind = ObjectKey['kind'];

export interface StoredObject {
  readonly key: ObjectKey;
  readonly bytes: Uint8Array;
}

export interface ReadOptions {
  /** Memory to read into; the answer is then a part of it. Without it memory is allocated. */
  readonly into?: Buffer;
}

/** `large`: there, and longer than was to be read. */
export type SmallObject = Buffer | 'absent' | 'large' | Error;

export interface ListQuery {
  /** The last key of the page before; absent for the first page. */
  readonly after?: string;
  readonly limit: number;
  /** Sizes are wanted too. A bucket lists them anyway; a directory is asked for each. */
  readonly sizes?: 'wanted';
  /**
   * What to make of a directory of the layout that is not there: `skip` takes it as empty, where it is an error else. Only
   * for who asks the place afterwards who it is, because a disk that is not mounted looks just so, or takes no harm from
   * what is not listed.
   */
  readonly gaps?: 'skip';
}

export interface Store {
  readonly identity: StoreIdentity;
  /**
   * Whether a sync of it has failed since this process knows it: what it shows, and what `syncAll` says, is no proof then,
   * and only a new put is. Absent from stores whose objects are durable as soon as they can be seen.
   */
  readonly isInDoubt?: boolean;
  /** Durable on return, and atomic: a reader sees all of the object or none. */
  put(key: ObjectKey, bytes: Uint8Array): Promise<void>;
  /**
   * `put` of many: durable on return, all of them; where it throws, any of them may have happened. No object is ordered
   * before another: whoever needs chunks before their manifest makes two calls.
   */
  putAll(objects: readonly StoredObject[]): Promise<void>;
  /** The object's bytes, unverified, or undefined where there is no such object. */
  get(key: ObjectKey, options?: ReadOptions): Promise<Buffer | undefined>;
  /**
   * `get` of many small objects, by the index of the key; what is wrong with one of them is the answer for that one. Throws
   * only where no single one could be asked for.
   */
  getAll(keys: readonly ObjectKey[], options: { readonly maxBytes: number }): Promise<readonly SmallObject[]>;
  /** Bytes `start` to `end` (not included) of the object, fewer where it ends earlier; undefined where there is none. */
  getRange(key: ObjectKey, range: { readonly start: number; readonly end: number }): Promise<Buffer | undefined>;
  /** The object's size in bytes, or undefined. */
  has(key: ObjectKey): Promise<number | undefined>;
  /** `has` of many. */
  hasAll(keys: readonly ObjectKey[]): Promise<(number | undefined)[]>;
  /** Durable on return; deleting what is not there is no error. */
  delete(key: ObjectKey): Promise<void>;
  /** `delete` of many. */
  deleteAll(keys: readonly ObjectKey[]): Promise<void>;
  /**
   * Makes durable what `has` and `get` show under these keys: a put that a kill cut off may have left an object that a
   * power cut would take. Whoever goes on from an object that he has not put himself calls this first. Nothing to do for a
   * store whose objects are durable as soon as they can be seen.
   */
  syncAll(keys: readonly ObjectKey[]): Promise<void>;
  /**
   * Moves a corrupt object out of the way, to `corrupt/`, where nothing reads it and a person can; durable on return. What
   * is not there is no error; older ones set aside under the same id stay, each under a name of its own.
   */
  setAside(key: ObjectKey): Promise<void>;
  /**
   * Ids of one kind, in the store's key order (`shard/id`, bytewise). An object put or deleted meanwhile may be listed or
   * not; all others are listed exactly once.
   */
  list(kind: ObjectKind, query: ListQuery): Promise<ObjectPage>;
  /**
   * Makes the directories of the layout that are missing, durably, and answers with how many these were. Only for who has
   * just asked the place who it is. Nothing to do for a store without directories.
   */
  restoreDirectories(): Promise<number>;
}

export interface ObjectPage {
  readonly ids: readonly string[];
  /** In bytes, by the index of the id; where they were wanted. */
  readonly sizes?: readonly number[];
  /** To be passed as `after`; undefined where this was the last page. */
  readonly next: string | undefined;
}
