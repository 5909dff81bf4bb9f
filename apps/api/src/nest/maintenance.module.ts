/** The collection of garbage over the recovered installation. It is started with the routes and stopped in a phase. */
import { Module } from '@nestjs/common';
import type { Settings } from '#libs/config';
import { systemClock } from '#libs/kernel';
import { CollectionTimer, GarbageCollector, ReplicaGarbage } from '#libs/maintenance';
import type { OpenInstallation } from '#libs/recovery';
import type { Log } from '#libs/telemetry';
import { StoreOpener } from '#libs/transfer';
import { RecoveryModule } from './recovery.module.js';
import { ReplicationModule } from './replication.module.js';
import { LOG, OPEN_INSTALLATION, SETTINGS } from './tokens.js';

@Module({
  imports: [RecoveryModule, ReplicationModule],
  providers: [
    {
      provide: CollectionTimer,
      inject: [OPEN_INSTALLATION, SETTINGS, LOG, StoreOpener],
      useFactory: (
        installation: OpenInstallation,
        { gcGraceMs: graceMs }: Settings,
        log: Log,
        stores: StoreOpener,
      ): CollectionTimer => {
        const replicaGarbage = new ReplicaGarbage({
          // What awaits adoption is nobody's to collect.
          replicas: installation.replicas.filter(({ bound }) => bound !== 'foreign'),
          open: (storeId) => stores.open(storeId),
          unknownChunks: installation.catalog.unknownChunks,
          clock: systemClock,
          log,
        });
        const collector = new GarbageCollector({ ...installation, replicaGarbage, clock: systemClock, log, graceMs });
        return new CollectionTimer({ collector, log, graceMs });
      },
    },
  ],
  exports: [CollectionTimer],
})
export class MaintenanceModule {}
