/** `/admin/scrub`: every stored byte read again, now. */
import { Controller, HttpCode, Post, Query, Res } from '@nestjs/common';
import { ApiAcceptedResponse, ApiOperation, ApiQuery, ApiTags } from '@nestjs/swagger';
import { Scrubber } from '#libs/maintenance';
import type { ScrubRun } from '#libs/maintenance';
import type { FastifyReply } from 'fastify';
import { queryText } from '../http/query.js';
import type { Query as QueryParameters } from '../http/query.js';
import { ApiProblems } from '../open-api/api-problems.js';
import { Operations } from './operations.js';
import type { RunningWork } from './operations.js';
import { OperationBegunAnswer } from './replicas-answer.js';
import { scrubResult } from './scrub-answer.js';

@ApiTags('admin')
@Controller('admin')
export class ScrubController {
  readonly #scrubber: Scrubber;
  readonly #operations: Operations;

  constructor(scrubber: Scrubber, operations: Operations) {
    this.#scrubber = scrubber;
    this.#operations = operations;
  }

  @Post('scrub')
  @HttpCode(202)
  @ApiOperation({
    summary: 'Read everything now, as fast as requests allow, and hold it against its digests',
    description:
      'done and total of the operation are stores; its result has, for each, what was read and every object with wrong bytes (the first thousand). Those that another store has whole are repaired by themselves. A store that is being read already is not read twice.',
  })
  @ApiQuery({
    name: 'store',
    required: false,
    schema: { type: 'string' },
    description: 'Only this one: primary, or the name of a replica.',
  })
  @ApiAcceptedResponse({
    type: OperationBegunAnswer,
    description: 'It has begun; ask for the operation.',
    headers: { Location: { description: 'Path of the operation.', schema: { type: 'string' } } },
  })
  @ApiProblems('replica_not_found')
  scrub(@Query() query: QueryParameters, @Res({ passthrough: true }) reply: FastifyReply): OperationBegunAnswer {
    const name = queryText(query, 'store');
    const run = this.#scrubber.readAll(name === undefined ? undefined : [name]);
    const operationId = this.#operations.begin('scrub', new ScrubWork(run));
    void reply.header('location', `/admin/operations/${operationId}`);
    return { operation_id: operationId };
  }
}

class ScrubWork implements RunningWork {
  readonly total: number;
  readonly finished: Promise<void>;
  readonly #run: ScrubRun;

  constructor(run: ScrubRun) {
    this.#run = run;
    this.total = run.total;
    this.finished = run.finished;
  }

  progress(): { readonly done: number; readonly failed: number } {
    return this.#run.progress();
  }

  get result(): object {
    return scrubResult(this.#run);
  }
}
