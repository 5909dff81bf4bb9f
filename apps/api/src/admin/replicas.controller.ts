/** `/admin/replicas` and `/admin/operations`: what is owed to which store, and work that makes it less. */
import { Controller, Get, HttpCode, Inject, Param, Post, Query, Res } from '@nestjs/common';
import { ApiAcceptedResponse, ApiOkResponse, ApiOperation, ApiParam, ApiQuery, ApiTags } from '@nestjs/swagger';
import { FileStore } from '#libs/file-store';
import type { JobQueue } from '#libs/job-queue';
import type { StoreId } from '#libs/kernel';
import { AntiEntropy, Scrubber } from '#libs/maintenance';
import type { OpenInstallation } from '#libs/recovery';
import { Replication } from '#libs/replication';
import type { Settings } from '#libs/config';
import type { FastifyReply } from 'fastify';
import { queryText } from '../http/query.js';
import type { Query as QueryParameters } from '../http/query.js';
import { JobService } from '../nest/job-service.js';
import { OPEN_INSTALLATION, SETTINGS } from '../nest/tokens.js';
import { ApiProblems } from '../open-api/api-problems.js';
import { Operations } from './operations.js';
import { damagedFileAnswer } from './scrub-answer.js';
import {
  OperationAnswer,
  operationAnswer,
  OperationBegunAnswer,
  ReplicasStatusAnswer,
  storeStatusAnswer,
} from './replicas-answer.js';

/** Told at once. */
const MAX_DAMAGED_FILES = 100;

@ApiTags('admin')
@Controller('admin')
export class ReplicasController {
  readonly #replication: Replication;
  readonly #operations: Operations;
  readonly #queue: JobQueue;
  readonly #queueKind: 'embedded' | 'redis';
  readonly #scrubber: Scrubber;
  readonly #installation: OpenInstallation;
  readonly #storagePath: string;
  readonly #files: FileStore;
  readonly #antiEntropy: AntiEntropy;

  constructor(
    replication: Replication,
    operations: Operations,
    jobs: JobService,
    scrubber: Scrubber,
    files: FileStore,
    antiEntropy: AntiEntropy,
    @Inject(OPEN_INSTALLATION) installation: OpenInstallation,
    @Inject(SETTINGS) settings: Settings,
  ) {
    this.#scrubber = scrubber;
    this.#files = files;
    this.#antiEntropy = antiEntropy;
    this.#installation = installation;
    this.#storagePath = settings.storagePath;
    this.#replication = replication;
    this.#operations = operations;
    this.#queue = jobs.queue;
    this.#queueKind = settings.redisUrl === '' ? 'embedded' : 'redis';
  }

  @Get('replicas/status')
  @ApiOperation({
    summary: 'Each store: its state, what it is owed, how far it lags, what went wrong last, and its scrub',
  })
  @ApiOkResponse({ type: ReplicasStatusAnswer, description: 'How replication fares at this moment.' })
  @ApiProblems()
  async status(): Promise<ReplicasStatusAnswer> {
    const fullDisks = await this.#files.fullDisks();
    const { state, lastError } = this.#queue.condition;
    const { primary, catalog } = this.#installation;
    const scrubs = new Map(this.#scrubber.views().map((view) => [view.storeId, view]));
    const primaryStatus = this.#replication.statusOfPrimary({
      name: primary.identity.name,
      location: this.#storagePath,
    });
    const nameOf = (storeId: StoreId): string => scrubs.get(storeId)?.name ?? storeId;
    return {
      stores: this.#replication.status().map((status) => storeStatusAnswer(status, scrubs.get(status.storeId))),
      primary: storeStatusAnswer(primaryStatus, scrubs.get(primaryStatus.storeId)),
      damaged: catalog.damage.files(MAX_DAMAGED_FILES).map((file) => damagedFileAnswer(file, nameOf)),
      queue: { kind: this.#queueKind, state, last_error: lastError ?? null },
      full_disks: fullDisks.map(({ path, lacks, free, reserved }) => ({ path, lacks, free, reserved })),
      collection: {
        held_by: catalog.garbage.holds(),
        awaited: this.#antiEntropy.awaited.map(({ storeId, unknownManifests }) => ({
          store: nameOf(storeId),
          unknown_manifests: unknownManifests ?? null,
        })),
      },
    };
  }

  @Post('replicas/sync')
  @HttpCode(202)
  @ApiOperation({
    summary: 'Copy what is owed now, without waiting for the next attempt',
    description: 'Ends when everything that was owed at this moment has been done, or tried and failed.',
  })
  @ApiQuery({ name: 'store', required: false, schema: { type: 'string' }, description: 'Only this replica.' })
  @ApiAcceptedResponse({
    type: OperationBegunAnswer,
    description: 'It has begun; ask for the operation.',
    headers: { Location: { description: 'Path of the operation.', schema: { type: 'string' } } },
  })
  @ApiProblems('replica_not_found')
  sync(@Query() query: QueryParameters, @Res({ passthrough: true }) reply: FastifyReply): OperationBegunAnswer {
    const name = queryText(query, 'store');
    const work = this.#replication.sync(name === undefined ? undefined : [name]);
    const operationId = this.#operations.begin('replicas_sync', work);
    void reply.header('location', `/admin/operations/${operationId}`);
    return { operation_id: operationId };
  }

  @Get('operations/:operation_id')
  @ApiOperation({ summary: 'How far an operation has come' })
  @ApiParam({
    name: 'operation_id',
    schema: { type: 'string', format: 'uuid' },
    description: 'Of the answer that began it.',
  })
  @ApiOkResponse({ type: OperationAnswer, description: 'Kept in memory, the last hundred that ended.' })
  @ApiProblems('operation_not_found')
  operation(@Param('operation_id') operationId: string): OperationAnswer {
    return operationAnswer(this.#operations.view(operationId));
  }
}
