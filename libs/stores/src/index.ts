/** Stores: the port, the directory behind it, and the identity that says which store a place is. */
export type { AppliedObject, AppliedObjects } from './applied-objects.js';
export type { ChunkGuard, PinOwner } from './chunk-guard.js';
export type { DeletedFile, DeletedManifests } from './deleted-manifests.js';
export { DirectoryPlace } from './directory-place.js';
export { DirectoryStore, initDirectoryStore, makeStoreDirectories } from './directory-store.js';
export { FileDigest } from './file-digest.js';
export { PrimaryStore } from './primary-store.js';
export { S3Place } from './s3-place.js';
export type { StagedChunk } from './staging-area.js';
export type {
  ListQuery,
  ObjectKey,
  ObjectKind,
  ObjectPage,
  ReadOptions,
  SmallObject,
  Store,
  StoredObject,
} from './store.js';
export { readIdentity, writeIdentity } from './store-identity.js';
export type { StoreIdentity, StorePeer } from './store-identity.js';
export type { StorePlace } from './store-place.js';
export { storePlaceOf } from './store-place-of.js';
export type { PlaceSurroundings } from './store-place-of.js';
export { shardedName } from './store-layout.js';
