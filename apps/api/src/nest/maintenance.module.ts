/** The collection of garbage over the recovered installation. It is started with the routes and stopped in a phase. */
import { Module } from '@nestjs/common';
import type { Settings } from '#libs/config';
import { systemClock } from '#libs/kernel';
import { CollectionTimer, GarbageCollector } from '#libs/maintenance';
import type { OpenInstallation } from '#libs/recovery';
import type { Log } from '#libs/telemetry';
import { RecoveryModule } from './recovery.module.js';
import { LOG, OPEN_INSTALLATION, SETTINGS } from './tokens.js';

@Module({
  imports: [RecoveryModule],
  providers: [
    {
      provide: CollectionTimer,
      inject: [OPEN_INSTALLATION, SETTINGS, LOG],
      useFactory: (installation: OpenInstallation, { gcGraceMs: graceMs }: Settings, log: Log): CollectionTimer => {
        const collector = new GarbageCollector({ ...installation, clock: systemClock, log, graceMs });
        return new CollectionTimer({ collector, log, graceMs });
      },
    },
  ],
  exports: [CollectionTimer],
})
export class MaintenanceModule {}
