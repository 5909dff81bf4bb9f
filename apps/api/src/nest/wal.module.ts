/** The log and its applier, as the recovery has opened them. */
import { Module } from '@nestjs/common';
import { Applier } from '#libs/apply';
import type { OpenInstallation } from '#libs/recovery';
import { WriteAheadLog } from '#libs/wal';
import { WalController } from '../admin/wal.controller.js';
import { RecoveryModule } from './recovery.module.js';
import { OPEN_INSTALLATION } from './tokens.js';

@Module({
  imports: [RecoveryModule],
  controllers: [WalController],
  providers: [
    { provide: WriteAheadLog, inject: [OPEN_INSTALLATION], useFactory: ({ wal }: OpenInstallation) => wal },
    { provide: Applier, inject: [OPEN_INSTALLATION], useFactory: ({ applier }: OpenInstallation) => applier },
  ],
})
export class WalModule {}
