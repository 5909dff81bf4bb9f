/** From settings to what does jobs: the same in a process of its own and in a thread of the server. */
import type { S3Access, Settings } from '#libs/config';
import { boundedFileSystem, fileSystemSync, nodeFileSystem, pooledFileSystem, syncingBy } from '#libs/durable-fs';
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

/**
 * Of the sixteen threads that wait for disks, the log's among them: what all replicas together may hold should every one of
 * them hang, and the most and the least of it for one.
 */
const REPLICA_CALLS = { inAll: 12, most: 6, least: 2 };

/** `syncs`: those that all of the process share, this thread's own where left out. */
export function placesOf(settings: PlaceSettings, syncs: FileSystemSyncs = fileSystemSync): Places {
  const { storagePath, replicas, ...access } = settings;
  const { inAll, most, least } = REPLICA_CALLS;
  const callsEach = Math.max(least, Math.min(most, Math.floor(inAll / Math.max(1, replicas.length))));
  const patientFs = syncingBy(syncs, pooledFileSystem);
  return {
    primary: new DirectoryPlace(syncingBy(syncs, nodeFileSystem), storagePath),
    // Never the one that blocks: a replica that hangs in the middle of a job must not keep the jobs of the others waiting.
    replicas: replicas.map((location) =>
      storePlaceOf(location, { fs: boundedFileSystem(patientFs, callsEach), access }),
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
