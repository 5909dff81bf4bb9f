/** What keeps the recovered installation in order: started with the routes, and stopped in phases. */
import { Module } from '@nestjs/common';
import type { Settings } from '#libs/config';
import { pooledFileSystem } from '#libs/durable-fs';
import { systemClock } from '#libs/kernel';
import {
  CollectionTimer,
  GarbageCollector,
  ReplicaGarbage,
  Scrubber,
  StoreReader,
  TombstoneExpiry,
} from '#libs/maintenance';
import type { OpenInstallation, Replica } from '#libs/recovery';
import { Replication } from '#libs/replication';
import { DirectoryPlace } from '#libs/stores';
import type { Log } from '#libs/telemetry';
import { StoreOpener } from '#libs/transfer';
import { RecoveryModule } from './recovery.module.js';
import { ReplicationModule } from './replication.module.js';
import { LOG, OPEN_INSTALLATION, REPLICAS, SETTINGS } from './tokens.js';

@Module({
  imports: [RecoveryModule, ReplicationModule],
  providers: [
    {
      provide: CollectionTimer,
      inject: [OPEN_INSTALLATION, SETTINGS, LOG, StoreOpener, Replication],
      useFactory: (
        installation: OpenInstallation,
        { gcGraceMs: graceMs, tombstoneHoldMs: holdMs }: Settings,
        log: Log,
        stores: StoreOpener,
        replication: Replication,
      ): CollectionTimer => {
        const replicaGarbage = new ReplicaGarbage({
          // What awaits adoption is nobody's to collect.
          replicas: installation.replicas.filter(({ bound }) => bound !== 'foreign'),
          open: (storeId) => stores.open(storeId),
          catalog: installation.catalog,
          wake: () => replication.notice(),
          clock: systemClock,
          log,
        });
        const tombstoneExpiry = new TombstoneExpiry({
          ...installation,
          // Foreign ones too: as long as one of them is not what it should be, every tombstone stays.
          replicaIds: installation.replicas.map(({ storeId }) => storeId),
          stores,
          clock: systemClock,
          runningMs: () => performance.now(),
          holdMs,
          notice: () => replication.notice(),
          log,
        });
        const parts = { replicaGarbage, tombstoneExpiry, clock: systemClock, log, graceMs };
        const collector = new GarbageCollector({ ...installation, ...parts });
        return new CollectionTimer({ collector, log, graceMs });
      },
    },
    {
      provide: Scrubber,
      inject: [OPEN_INSTALLATION, REPLICAS, SETTINGS, LOG, Replication],
      useFactory: (
        { catalog, primary }: OpenInstallation,
        replicas: readonly Replica[],
        settings: Settings,
        log: Log,
        replication: Replication,
      ): Scrubber => {
        const { clusterId, storeId: primaryId } = primary.identity;
        // The primary too is opened in the thread pool here: what nobody has read for long is in no cache.
        const places = [
          new DirectoryPlace(pooledFileSystem, settings.storagePath),
          ...replicas.map(({ place }) => place),
        ];
        const stores = new StoreOpener({ places, clusterId });
        const named = [{ storeId: primaryId, name: primary.identity.name }, ...replicas];
        return new Scrubber({
          readers: new Map(named.map(({ storeId, name }) => [storeId, new StoreReader({ storeId, name, stores })])),
          primaryId,
          guard: primary.guard,
          catalog,
          replication,
          clock: systemClock,
          log,
          rateBytesPerSecond: settings.scrubRateBytesPerSecond,
        });
      },
    },
  ],
  exports: [CollectionTimer, Scrubber],
})
export class MaintenanceModule {}
