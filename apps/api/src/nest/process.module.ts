/** What the process has before anything else: settings, the log, its own state. Global, as nothing works without. */
import { Module } from '@nestjs/common';
import type { DynamicModule } from '@nestjs/common';
import type { Settings } from '#libs/config';
import type { Log } from '#libs/telemetry';
import { RequestLog } from '../logging/request-log.js';
import { ServerState } from '../server-state.js';
import { LOG, SETTINGS } from './tokens.js';

export interface ProcessParts {
  readonly settings: Settings;
  readonly log: Log;
  readonly requestLog: RequestLog;
  readonly state: ServerState;
}

@Module({})
export class ProcessModule {
  static of({ settings, log, requestLog, state }: ProcessParts): DynamicModule {
    const providers = [
      { provide: SETTINGS, useValue: settings },
      { provide: LOG, useValue: log },
      { provide: RequestLog, useValue: requestLog },
      { provide: ServerState, useValue: state },
    ];
    return { module: ProcessModule, global: true, providers, exports: providers };
  }
}
