/** What an operator asks of replication and of maintenance together. */
import { Module } from '@nestjs/common';
import { Operations } from '../admin/operations.js';
import { RepairController } from '../admin/repair.controller.js';
import { ReplicasController } from '../admin/replicas.controller.js';
import { ScrubController } from '../admin/scrub.controller.js';
import { FileStoreModule } from './file-store.module.js';
import { MaintenanceModule } from './maintenance.module.js';
import { RecoveryModule } from './recovery.module.js';
import { RepairModule } from './repair.module.js';
import { ReplicationModule } from './replication.module.js';

@Module({
  imports: [RecoveryModule, ReplicationModule, MaintenanceModule, RepairModule, FileStoreModule],
  controllers: [ReplicasController, ScrubController, RepairController],
  providers: [Operations],
})
export class AdminModule {}
