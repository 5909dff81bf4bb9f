/** `/admin/wal`: the log as it is on the disk, for whoever wants to see that it keeps its word. Never a payload. */
import { Controller, Get, Param, Query } from '@nestjs/common';
import { ApiOkResponse, ApiOperation, ApiParam, ApiQuery, ApiTags } from '@nestjs/swagger';
import { Applier } from '#libs/apply';
import { checksumText, lsn, StoreError } from '#libs/kernel';
import { WriteAheadLog } from '#libs/wal';
import type { SegmentHeader, SegmentStatus } from '#libs/wal';
import { queryInteger } from '../http/query.js';
import type { Query as QueryParameters } from '../http/query.js';
import { ApiProblems } from '../open-api/api-problems.js';
import { readLogPage } from './log-page.js';
import { LogEntriesAnswer, SegmentInspectionAnswer, SegmentsAnswer } from './wal-answer.js';
import type { SegmentAnswer, SegmentHeaderAnswer } from './wal-answer.js';

const LIMIT = { min: 1, max: 1000, default: 100 };
const AFTER = { min: 0, max: Number.MAX_SAFE_INTEGER, default: 0 };

const ApiAfter = (): MethodDecorator =>
  ApiQuery({
    name: 'after',
    required: false,
    schema: { type: 'integer', minimum: AFTER.min, default: AFTER.default },
    description: 'Only records with a higher LSN.',
  });

const ApiLimit = (): MethodDecorator =>
  ApiQuery({
    name: 'limit',
    required: false,
    schema: { type: 'integer', minimum: LIMIT.min, maximum: LIMIT.max, default: LIMIT.default },
    description: 'Records on a page.',
  });

@ApiTags('admin')
@Controller('admin/wal')
export class WalController {
  readonly #wal: WriteAheadLog;
  readonly #applier: Applier;

  constructor(wal: WriteAheadLog, applier: Applier) {
    this.#wal = wal;
    this.#applier = applier;
  }

  @Get('segments')
  @ApiOperation({ summary: 'The files of the log and how far it has come' })
  @ApiOkResponse({ type: SegmentsAnswer, description: 'From the oldest segment to the active one.' })
  @ApiProblems()
  segments(): SegmentsAnswer {
    return {
      segments: this.#wal.segments().map(segmentAnswer),
      log_id: this.#wal.logId,
      committed_lsn: this.#wal.committedLsn,
      applied_lsn: this.#applier.appliedLsn,
      checkpoint_lsn: this.#wal.checkpointLsn,
      poisoned: this.#wal.poisoned,
    };
  }

  @Get('entries')
  @ApiOperation({ summary: 'Durable records of the log, oldest first' })
  @ApiAfter()
  @ApiLimit()
  @ApiOkResponse({ type: LogEntriesAnswer, description: 'A page of records.' })
  @ApiProblems()
  async entries(@Query() query: QueryParameters): Promise<LogEntriesAnswer> {
    const after = lsn(queryInteger(query, 'after', AFTER));
    const limit = queryInteger(query, 'limit', LIMIT);
    // Taken first: what is committed while this page is read belongs to the next one.
    const through = this.#wal.committedLsn;
    const { entries, nextAfter } = await readLogPage(this.#wal.read(after), { limit, through });
    return { entries, next_after: nextAfter, oldest_lsn: this.#wal.oldestLsn };
  }

  @Get('inspect/:segment_id')
  @ApiOperation({ summary: 'One file of the log: its header and its records' })
  @ApiParam({
    name: 'segment_id',
    schema: { type: 'string', example: '00000000000000000001' },
    description: 'As /admin/wal/segments lists it.',
  })
  @ApiAfter()
  @ApiLimit()
  @ApiOkResponse({ type: SegmentInspectionAnswer, description: 'The header and a page of records.' })
  @ApiProblems('segment_not_found')
  async inspect(
    @Param('segment_id') segmentId: string,
    @Query() query: QueryParameters,
  ): Promise<SegmentInspectionAnswer> {
    const after = queryInteger(query, 'after', AFTER);
    const limit = queryInteger(query, 'limit', LIMIT);
    const segment = this.#wal.segments().find((each) => each.segmentId === segmentId);
    if (segment === undefined) throw segmentNotFound(segmentId, this.#wal.oldestLsn);
    const from = lsn(Math.max(after, segment.firstLsn - 1));
    const { entries, nextAfter } = await readLogPage(this.#wal.read(from), { limit, through: segment.lastLsn });
    const header = await this.#wal.header(segment.path);
    // A checkpoint may have let it go while it was read.
    if (this.#wal.oldestLsn > segment.firstLsn) throw segmentNotFound(segmentId, this.#wal.oldestLsn);
    return {
      segment: segmentAnswer(segment),
      header: headerAnswer(header),
      entries,
      next_after: nextAfter,
      oldest_lsn: this.#wal.oldestLsn,
    };
  }
}

function segmentAnswer({ segmentId, firstLsn, lastLsn, sizeBytes, state }: SegmentStatus): SegmentAnswer {
  return { segment_id: segmentId, first_lsn: firstLsn, last_lsn: lastLsn, size_bytes: sizeBytes, state };
}

/** All of a header but the end mark, which no client may learn. */
function headerAnswer(header: SegmentHeader | undefined): SegmentHeaderAnswer | null {
  if (header === undefined) return null;
  return {
    cluster_id: header.clusterId,
    log_id: header.logId,
    first_lsn: header.firstLsn,
    checkpoint_lsn: header.checkpointLsn,
    prev: checksumText(header.prev),
  };
}

function segmentNotFound(segmentId: string, oldestLsn: number): StoreError {
  const message = `The log has no segment ${segmentId}; a checkpoint may have let it go. It starts at LSN ${oldestLsn}.`;
  return new StoreError('segment_not_found', message, { context: { segment_id: segmentId, oldest_lsn: oldestLsn } });
}
