/** From a location of the settings to the place it names. */
import type { ReplicaLocation, S3Access } from '#libs/config';
import type { FileSystem } from '#libs/durable-fs';
import { DirectoryPlace } from './directory-place.js';
import { S3Place } from './s3-place.js';
import type { StorePlace } from './store-place.js';

export interface PlaceSurroundings {
  /** Of a directory, which may be a mount that hangs: who has other things to do takes one that never blocks. */
  readonly fs: FileSystem;
  /** What `s3://` locations are reached with; the settings have it. */
  readonly access: S3Access;
}

/** Touches nothing: neither the disk nor the network. */
export function storePlaceOf(location: ReplicaLocation, { fs, access }: PlaceSurroundings): StorePlace {
  if (location.kind === 'directory') return new DirectoryPlace(fs, location.path);
  return new S3Place(location, access);
}
