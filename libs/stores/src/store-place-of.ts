/** From a location of the settings to the place it names. */
import type { ReplicaLocation, S3Access } from '#libs/config';
import type { FileSystem } from '#libs/durable-fs';
import { DirectoryPlace } from './directory-place.js';
import { S3Place } from './s3-place.js';
import type { StorePlace } from './store-place.js';

export interface PlaceSurroundings {
  readonly fs: FileSystem;
  /** What a directory is asked with who it is: it may be on a mount that hangs. `fs` where it is left out. */
  readonly patientFs?: FileSystem;
  /** What `s3://` locations are reached with; the settings have it. */
  readonly access: S3Access;
}

/** Touches nothing: neither the disk nor the network. */
export function storePlaceOf(location: ReplicaLocation, { fs, patientFs, access }: PlaceSurroundings): StorePlace {
  if (location.kind === 'directory') return new DirectoryPlace(fs, location.path, { patientFs });
  return new S3Place(location, access);
}
