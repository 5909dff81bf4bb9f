/** Replication over the recovered installation: who is copied to, by whom, and what an operator sees of it. */
import { Module } from '@nestjs/common';
import type { Settings } from '#libs/config';
import { nodeFileSystem } from '#libs/durable-fs';
import { systemClock } from '#libs/kernel';
import { LateReplicas } from '#libs/recovery';
import type { OpenInstallation, Replica } from '#libs/recovery';
import { Replication } from '#libs/replication';
import { DirectoryPlace } from '#libs/stores';
import type { StorePlace } from '#libs/stores';
import type { Log } from '#libs/telemetry';
import { StoreOpener } from '#libs/transfer';
import { AppliedChanges } from './applied-changes.js';
import { JobService } from './job-service.js';
import { LatePlace } from './late-place.js';
import { RecoveryModule } from './recovery.module.js';
import { LOG, OPEN_INSTALLATION, REPLICAS, SETTINGS } from './tokens.js';
import { UnadoptedPlace } from './unadopted-place.js';

@Module({
  imports: [RecoveryModule],
  providers: [
    {
      provide: REPLICAS,
      inject: [OPEN_INSTALLATION, SETTINGS],
      useFactory: ({ replicas }: OpenInstallation, { storagePath }: Settings): readonly Replica[] => {
        const late = new LateReplicas({ fs: nodeFileSystem, storagePath });
        return replicas.map((replica) => ({ ...replica, place: placeOf(replica, late) }));
      },
    },
    {
      provide: StoreOpener,
      inject: [OPEN_INSTALLATION, REPLICAS, SETTINGS],
      useFactory: (
        { primary }: OpenInstallation,
        replicas: readonly Replica[],
        { storagePath }: Settings,
      ): StoreOpener => {
        const places: StorePlace[] = [
          new DirectoryPlace(nodeFileSystem, storagePath),
          ...replicas.map(({ place }) => place),
        ];
        return new StoreOpener({ places, clusterId: primary.identity.clusterId });
      },
    },
    {
      provide: JobService,
      inject: [OPEN_INSTALLATION, SETTINGS, LOG],
      useFactory: ({ primary }: OpenInstallation, settings: Settings, log: Log): Promise<JobService> =>
        JobService.open({ settings, clusterId: primary.identity.clusterId, log }),
    },
    {
      provide: Replication,
      inject: [OPEN_INSTALLATION, REPLICAS, JobService, AppliedChanges, LOG],
      useFactory: (
        { catalog, checkpointer, primary }: OpenInstallation,
        replicas: readonly Replica[],
        { queue }: JobService,
        changes: AppliedChanges,
        log: Log,
      ): Replication => {
        const { storeId: sourceId, clusterId, peers } = primary.identity;
        const { unknownChunks } = catalog;
        const replication = new Replication({
          catalog,
          queue,
          sourceId,
          clusterId,
          replicas,
          peers,
          log,
          clock: systemClock,
          distrust: (storeId, fileId) => unknownChunks.touches(storeId, fileId),
          lostWrite: ({ code, message }) => void checkpointer.doubtPrimary(Object.assign(new Error(message), { code })),
          copied: (storeId, fileId) => unknownChunks.settle(storeId, fileId),
        });
        changes.listen(() => replication.notice());
        return replication;
      },
    },
  ],
  exports: [JobService, REPLICAS, Replication, StoreOpener],
})
export class ReplicationModule {}

function placeOf(replica: Replica, late: LateReplicas): StorePlace {
  if (replica.awaitsAdoption) return new UnadoptedPlace(replica);
  return replica.initAs === undefined ? replica.place : new LatePlace(replica, late);
}
