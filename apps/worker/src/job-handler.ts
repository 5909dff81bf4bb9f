/** From settings to what does jobs: the same in a process of its own and in a thread of the server. */
import type { S3Access, Settings } from '#libs/config';
import { nodeFileSystem, pooledFileSystem } from '#libs/durable-fs';
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

export function placesOf({ storagePath, replicas, ...access }: PlaceSettings): Places {
  return {
    primary: new DirectoryPlace(nodeFileSystem, storagePath),
    replicas: replicas.map((location) =>
      storePlaceOf(location, { fs: nodeFileSystem, patientFs: pooledFileSystem, access }),
    ),
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
