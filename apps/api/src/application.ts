/** Puts the application together: recovery first, then everything that stands on it, then the routes. */
import { NestFactory } from '@nestjs/core';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import type { Settings } from '#libs/config';
import { AntiEntropyTimer, CollectionTimer, Repairs, Scrubber } from '#libs/maintenance';
import type { OpenInstallation } from '#libs/recovery';
import { Replication } from '#libs/replication';
import type { Log } from '#libs/telemetry';
import type { RequestListener } from 'node:http';
import { AccessPolicy } from './access/access-policy.js';
import { createHttpFramework } from './http/fastify-adapter.js';
import type { FrontDoor } from './http/front-door.js';
import { RouteTable } from './http/route-table.js';
import { NestLog } from './logging/nest-log.js';
import { RequestLog } from './logging/request-log.js';
import { ApiModule } from './nest/api.module.js';
import { JobService } from './nest/job-service.js';
import { OPEN_INSTALLATION } from './nest/tokens.js';
import { serveOpenApi } from './open-api/open-api.js';
import { ProblemFilter } from './problems/problem.filter.js';
import type { ServerState } from './server-state.js';

export interface ApplicationParts {
  readonly settings: Settings;
  readonly log: Log;
  readonly state: ServerState;
  readonly frontDoor: FrontDoor;
  readonly version: string;
}

export interface Application {
  readonly installation: OpenInstallation;
  readonly collection: CollectionTimer;
  readonly scrubber: Scrubber;
  readonly antiEntropy: AntiEntropyTimer;
  readonly repairs: Repairs;
  readonly replication: Replication;
  readonly jobs: JobService;
  /** Adds the routes and starts the maintenance; answers with what serves them. */
  start(): Promise<RequestListener>;
}

/** Recovers. Throws what `boot` throws, with every lock free again. */
export async function createApplication(parts: ApplicationParts): Promise<Application> {
  const { settings, log, state, frontDoor, version } = parts;
  const requestLog = new RequestLog(log);
  const routes = new RouteTable();
  const problems = new ProblemFilter(routes, requestLog);
  const access = new AccessPolicy(settings, () => performance.now());
  const { adapter, listener } = createHttpFramework({ frontDoor, state, access, requestLog, routes, problems });
  const app = await NestFactory.create<NestFastifyApplication>(
    ApiModule.of({ settings, log, requestLog, state, problems }),
    adapter,
    // Errors are thrown to us, who know how to end; by default Nest would end the process itself.
    { logger: new NestLog(log), abortOnError: false },
  );
  const collection = app.get(CollectionTimer);
  const scrubber = app.get(Scrubber);
  const antiEntropy = app.get(AntiEntropyTimer);
  const replication = app.get(Replication);
  return {
    collection,
    scrubber,
    antiEntropy,
    repairs: app.get(Repairs),
    replication,
    jobs: app.get(JobService),
    installation: app.get<OpenInstallation>(OPEN_INSTALLATION),
    start: async () => {
      serveOpenApi(app, version);
      await app.init();
      await adapter.getInstance().ready();
      replication.start();
      collection.start();
      scrubber.start();
      antiEntropy.start();
      return listener;
    },
  };
}
