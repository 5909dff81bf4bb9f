/**
 * Where a store keeps what. 256 shards a kind: chunk ids are hashes, so their first two digits spread; file ids are
 * UUIDv7, whose first digits are the time, so theirs are the last two (docs/adr, docs/formats/store.md).
 */
import type { ObjectKey, ObjectKind } from './store.js';

export const STAGING_DIRECTORY = 'staging';
/** Stands in the primary's root while the process that failed to flush it, or the next one on the same machine, lives. */
export const FLUSH_FAILED_FILE = 'flush-failed';
export const CORRUPT_DIRECTORY = 'corrupt';
/** In the primary alone: manifests of deleted files, for an undelete (deleted-manifests.ts). */
export const DELETED_DIRECTORY = 'deleted';

export const KIND_DIRECTORY: Readonly<Record<ObjectKind, string>> = {
  manifest: 'manifests',
  tombstone: 'tombstones',
  chunk: 'chunks',
};

export const SHARDS: readonly string[] = Array.from({ length: 256 }, (_, shard) => shard.toString(16).padStart(2, '0'));

/** The object's path within its store, with `/`; also its sort key. */
export function objectPath(key: ObjectKey): string {
  return `${KIND_DIRECTORY[key.kind]}/${shardedName(key)}`;
}

/** `<shard>/<id>`, the cursor of a listing. */
export function shardedName({ kind, id }: { readonly kind: ObjectKind; readonly id: string }): string {
  return `${kind === 'chunk' ? id.slice(0, 2) : id.slice(-2)}/${id}`;
}
