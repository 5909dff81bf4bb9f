/** Anti-entropy and repair over the recovered installation. The timer is started with the routes and stopped in a phase. */
import { Module } from '@nestjs/common';
import { systemClock } from '#libs/kernel';
import { AntiEntropy, AntiEntropyTimer, Repairs, Scrubber } from '#libs/maintenance';
import type { OpenInstallation, Replica } from '#libs/recovery';
import { Replication } from '#libs/replication';
import type { Log } from '#libs/telemetry';
import { StoreOpener } from '#libs/transfer';
import { MaintenanceModule } from './maintenance.module.js';
import { RecoveryModule } from './recovery.module.js';
import { ReplicationModule } from './replication.module.js';
import { LOG, OPEN_INSTALLATION } from './tokens.js';

@Module({
  imports: [MaintenanceModule, RecoveryModule, ReplicationModule],
  providers: [
    {
      provide: AntiEntropy,
      inject: [OPEN_INSTALLATION, StoreOpener, Replication],
      useFactory: (installation: OpenInstallation, stores: StoreOpener, replication: Replication): AntiEntropy => {
        const { catalog, primary, wal, replicas } = installation;
        const idsOf = (chosen: readonly Replica[]) => chosen.map(({ storeId }) => storeId);
        return new AntiEntropy({
          catalog,
          primary,
          wal,
          stores,
          clock: systemClock,
          // What awaits adoption is nobody's to compare.
          replicaIds: idsOf(replicas.filter(({ bound }) => bound !== 'foreign')),
          foreignIds: idsOf(replicas.filter(({ bound }) => bound === 'foreign')),
          oweRepair: (fileId) => replication.oweRepair(fileId),
          notice: () => replication.notice(),
        });
      },
    },
    {
      provide: AntiEntropyTimer,
      inject: [AntiEntropy, OPEN_INSTALLATION, LOG],
      useFactory: (antiEntropy: AntiEntropy, { wal, applier }: OpenInstallation, log: Log): AntiEntropyTimer =>
        new AntiEntropyTimer({
          storeIds: antiEntropy.storeIds,
          awaited: () => antiEntropy.awaited.map(({ storeId }) => storeId),
          passOf: (storeId) => antiEntropy.pass(storeId, 'repair'),
          isHeld: () => wal.poisoned || applier.halted,
          log,
        }),
    },
    {
      provide: Repairs,
      inject: [AntiEntropy, OPEN_INSTALLATION, StoreOpener, Replication, Scrubber, LOG],
      useFactory: (
        antiEntropy: AntiEntropy,
        { catalog, primary, checkpointer }: OpenInstallation,
        stores: StoreOpener,
        replication: Replication,
        scrubber: Scrubber,
        log: Log,
      ): Repairs =>
        new Repairs({
          catalog,
          stores,
          primaryId: primary.identity.storeId,
          antiEntropy: (storeId, mode) => antiEntropy.pass(storeId, mode),
          deepPass: (storeId, mode) => scrubber.passOf(storeId, mode),
          carryOut: (storeIds) => replication.carryOut(storeIds),
          clock: systemClock,
          settle: () => checkpointer.run(),
          log,
        }),
    },
  ],
  exports: [AntiEntropy, AntiEntropyTimer, Repairs],
})
export class RepairModule {}
