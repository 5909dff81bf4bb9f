/** The root module of the API server. */
import { Module } from '@nestjs/common';
import type { DynamicModule } from '@nestjs/common';
import { APP_FILTER } from '@nestjs/core';
import { HealthController } from '../health/health.controller.js';
import type { ProblemFilter } from '../problems/problem.filter.js';
import { FileStoreModule } from './file-store.module.js';
import { MaintenanceModule } from './maintenance.module.js';
import { ProcessModule } from './process.module.js';
import type { ProcessParts } from './process.module.js';
import { RecoveryModule } from './recovery.module.js';
import { RepairModule } from './repair.module.js';
import { ReplicationModule } from './replication.module.js';
import { WalModule } from './wal.module.js';

export interface ApiParts extends ProcessParts {
  readonly problems: ProblemFilter;
}

@Module({})
export class ApiModule {
  static of(parts: ApiParts): DynamicModule {
    return {
      module: ApiModule,
      imports: [
        ProcessModule.of(parts),
        RecoveryModule,
        WalModule,
        FileStoreModule,
        ReplicationModule,
        MaintenanceModule,
        RepairModule,
      ],
      controllers: [HealthController],
      providers: [{ provide: APP_FILTER, useValue: parts.problems }],
    };
  }
}
