/** From settings to what does jobs: the same in a process of its own and in a thread of the server. */
import type { S3Access, Settings } from '#libs/config';
import { fileSystemSync, nodeFileSystem, pooledFileSystem, syncingBy } from '#libs/durable-fs';
import type { FileSystemSyncs } from '#libs/durable-fs';
import type { JobHandler } from '#libs/job-queue';
import { systemClock } from '#libs/kernel';
import type { ClusterId } from '#libs/kernel';
import { DirectoryPlace, storePlaceOf } from '#libs/stores';
import type { StorePlace } from '#libs/stores';
import { JobRunner, StoreOpener } from '#libs/transfer';

export interface Places {
  readonly primary: StorePlace;
  readonly replicas: readonly StorePlace[];
}

export type PlaceSettings = Pick<Settings, 'storagePath' | 'replicas'> & S3Access;

/** `syncs`: those that all of the process share, this thread's own where left out. */
export function placesOf(settings: PlaceSettings, syncs: FileSystemSyncs = fileSystemSync): Places {
  const { storagePath, replicas, ...access } = settings;
  const [fs, patientFs] = [syncingBy(syncs, nodeFileSystem), syncingBy(syncs, pooledFileSystem)];
  return {
    primary: new DirectoryPlace(fs, storagePath),
    replicas: replicas.map((location) => storePlaceOf(location, { fs, patientFs, access })),
  };
}

export interface HandlerOptions {
  readonly places: Places;
  readonly clusterId: ClusterId;
}

export function jobHandler({ places, clusterId }: HandlerOptions): JobHandler {
  const stores = new StoreOpener({
    places: [places.primary, ...places.replicas],
    clusterId,
    firstOpening: async (place) => place.removeLeftovers?.(systemClock.now()),
  });
  return new JobRunner({ stores, clock: systemClock }).run;
}
