/** `POST /admin/repair`: all stores compared with what they must hold, and mended; told by an operation. */
import { Controller, HttpCode, Inject, Post, Query, Res } from '@nestjs/common';
import { ApiAcceptedResponse, ApiOperation, ApiQuery, ApiTags } from '@nestjs/swagger';
import { StoreError } from '#libs/kernel';
import type { StoreId } from '#libs/kernel';
import { Repairs } from '#libs/maintenance';
import type { OpenInstallation } from '#libs/recovery';
import type { FastifyReply } from 'fastify';
import { invalidParameter, queryText } from '../http/query.js';
import type { Query as QueryParameters } from '../http/query.js';
import { OPEN_INSTALLATION } from '../nest/tokens.js';
import { ApiProblems } from '../open-api/api-problems.js';
import { Operations } from './operations.js';
import { repairResult } from './repair-answer.js';
import { OperationBegunAnswer } from './replicas-answer.js';

@ApiTags('admin')
@Controller('admin')
export class RepairController {
  readonly #repairs: Repairs;
  readonly #operations: Operations;
  /** Of all stores, the primary first. */
  readonly #names: ReadonlyMap<StoreId, string>;

  constructor(
    repairs: Repairs,
    operations: Operations,
    @Inject(OPEN_INSTALLATION) { primary, replicas }: OpenInstallation,
  ) {
    this.#repairs = repairs;
    this.#operations = operations;
    const { storeId, name } = primary.identity;
    this.#names = new Map([[storeId, name], ...replicas.map((replica) => [replica.storeId, replica.name] as const)]);
  }

  @Post('repair')
  @HttpCode(202)
  @ApiOperation({
    summary: 'Compare every store with what it must hold, and mend it',
    description:
      'Ends with a census of each store. Requests are served meanwhile, and what is written meanwhile is not judged. A second one that asks for the same joins the first; one that asks for something else waits for it. It ends also where nothing can be carried out, and says so.',
  })
  @ApiQuery({ name: 'store', required: false, schema: { type: 'string' }, description: 'Only this store.' })
  @ApiQuery({ ...flag('deep'), description: 'Read everything against its SHA-256, not only names and sizes.' })
  @ApiQuery({ ...flag('dry_run'), description: 'Say what is wrong, and change nothing.' })
  @ApiAcceptedResponse({
    type: OperationBegunAnswer,
    description: 'It has begun; ask for the operation.',
    headers: { Location: { description: 'Path of the operation.', schema: { type: 'string' } } },
  })
  @ApiProblems('replica_not_found', 'invalid_request')
  repair(@Query() query: QueryParameters, @Res({ passthrough: true }) reply: FastifyReply): OperationBegunAnswer {
    const run = this.#repairs.begin({
      storeIds: this.#storeIds(queryText(query, 'store')),
      depth: isSet(query, 'deep') ? 'deep' : 'names',
      mode: isSet(query, 'dry_run') ? 'look' : 'repair',
    });
    const names = this.#names;
    const operationId = this.#operations.begin('repair', {
      total: run.total,
      progress: () => run.progress(),
      finished: run.finished,
      get result() {
        return run.report === undefined ? undefined : repairResult(run.report, names);
      },
    });
    void reply.header('location', `/admin/operations/${operationId}`);
    return { operation_id: operationId };
  }

  #storeIds(name: string | undefined): StoreId[] {
    const chosen = [...this.#names].filter(([, known]) => name === undefined || known === name);
    if (chosen.length > 0) return chosen.map(([storeId]) => storeId);
    throw new StoreError('replica_not_found', `There is no store ${name}.`, { context: { replica: name ?? '' } });
  }
}

function flag(name: string) {
  return { name, required: false, schema: { type: 'boolean' as const, default: false } };
}

/** Throws `invalid_request` where it is neither true nor false. */
function isSet(query: QueryParameters, parameter: string): boolean {
  const text = queryText(query, parameter) ?? 'false';
  if (text === 'true' || text === 'false') return text === 'true';
  throw invalidParameter(parameter, 'is neither true nor false');
}
