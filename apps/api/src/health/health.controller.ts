/** `/health`: the process answers. `/ready`: it keeps its promises. */
import { Controller, Get, Inject, Res } from '@nestjs/common';
import { ApiOkResponse, ApiOperation, ApiServiceUnavailableResponse, ApiTags } from '@nestjs/swagger';
import type { OpenInstallation } from '#libs/recovery';
import type { FastifyReply } from 'fastify';
import { OPEN_INSTALLATION } from '../nest/tokens.js';
import { ApiHealthProblems, ApiReadyProblems } from '../open-api/api-problems.js';
import { ServerState } from '../server-state.js';
import { HealthAnswer, HEALTHY, ReadinessAnswer, readinessOf } from './readiness.js';

@ApiTags('health')
@Controller()
export class HealthController {
  readonly #state: ServerState;
  readonly #installation: OpenInstallation;

  constructor(state: ServerState, @Inject(OPEN_INSTALLATION) installation: OpenInstallation) {
    this.#state = state;
    this.#installation = installation;
  }

  @Get('health')
  @ApiOperation({ summary: 'Whether the process runs; never wants a key' })
  @ApiOkResponse({ type: HealthAnswer, description: 'It runs.' })
  @ApiHealthProblems()
  health(): HealthAnswer {
    return HEALTHY;
  }

  @Get('ready')
  @ApiOperation({ summary: 'Whether files can be stored and read now, and what the last recovery did' })
  @ApiOkResponse({ type: ReadinessAnswer, description: 'Files can be stored and read.' })
  @ApiServiceUnavailableResponse({ type: ReadinessAnswer, description: 'Not now; the reasons say why.' })
  @ApiReadyProblems()
  ready(@Res({ passthrough: true }) reply: FastifyReply): ReadinessAnswer {
    const { wal, applier, checkpointer, report } = this.#installation;
    const answer = readinessOf({
      stage: this.#state.stage,
      logPoisoned: wal.poisoned,
      applyHalted: applier.halted,
      checkpointFailed: checkpointer.failure !== undefined,
      report,
    });
    void reply.code(answer.status === 'ready' ? 200 : 503);
    return answer;
  }
}
