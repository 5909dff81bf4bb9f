/**
 * `/files`: what is stored, one by one and as a list, and its end. The validators of a file are those of its bytes, and a
 * delete is held against them. What `GET /files/{file_id}` answers changes as copies are made: it has no validators.
 */
import { Controller, Delete, Get, HttpCode, Param, Query, Req } from '@nestjs/common';
import { ApiNoContentResponse, ApiOkResponse, ApiOperation, ApiQuery, ApiTags } from '@nestjs/swagger';
import { FileStore } from '#libs/file-store';
import { parseFileId } from '#libs/kernel';
import type { FastifyRequest } from 'fastify';
import { queryInteger, queryText } from '../http/query.js';
import type { Query as QueryParameters } from '../http/query.js';
import { RequestLog } from '../logging/request-log.js';
import { ApiProblems, WRITE_PROBLEMS } from '../open-api/api-problems.js';
import { ApiConditions, ApiFileId } from './conditions.docs.js';
import { conditionsOf, evaluateConditions, validatorsOf } from './conditions.js';
import { FileAnswer, fileAnswer, FileListAnswer, fileListAnswer } from './file-answer.js';

const PAGE = { min: 1, max: 1000, default: 100 };

@ApiTags('files')
@Controller('files')
export class FilesController {
  readonly #files: FileStore;
  readonly #requestLog: RequestLog;

  constructor(files: FileStore, requestLog: RequestLog) {
    this.#files = files;
    this.#requestLog = requestLog;
  }

  @Get()
  @ApiOperation({ summary: 'List files by the bytes of their names, then by id' })
  @ApiQuery({ name: 'prefix', required: false, schema: { type: 'string' }, description: 'Only names that begin so.' })
  @ApiQuery({
    name: 'limit',
    required: false,
    schema: { type: 'integer', minimum: PAGE.min, maximum: PAGE.max, default: PAGE.default },
    description: 'Files on a page.',
  })
  @ApiQuery({
    name: 'cursor',
    required: false,
    schema: { type: 'string' },
    description: 'next_cursor of the last page.',
  })
  @ApiOkResponse({ type: FileListAnswer, description: 'A page of files.' })
  @ApiProblems()
  list(@Query() query: QueryParameters): FileListAnswer {
    const prefix = queryText(query, 'prefix') ?? '';
    const cursor = queryText(query, 'cursor');
    return fileListAnswer(this.#files.list({ prefix, cursor, limit: queryInteger(query, 'limit', PAGE) }));
  }

  @Get(':file_id')
  @ApiOperation({ summary: 'What is known of a file' })
  @ApiFileId()
  @ApiOkResponse({ type: FileAnswer, description: 'What the upload was answered, with the copies made since.' })
  @ApiProblems('invalid_file_id', 'file_not_found')
  describe(@Param('file_id') fileId: string): FileAnswer {
    return fileAnswer(this.#files.stat(parseFileId(fileId)));
  }

  @Delete(':file_id')
  @HttpCode(204)
  @ApiOperation({
    summary: 'Delete a file; a second time it is not there any more',
    description: 'Conditions are held against the ETag and Last-Modified of downloads, before anything is logged.',
  })
  @ApiFileId()
  @ApiConditions()
  @ApiNoContentResponse({ description: 'The file is gone, durably.' })
  @ApiProblems('invalid_file_id', 'file_not_found', 'precondition_failed', 'payload_too_large', ...WRITE_PROBLEMS)
  async delete(@Param('file_id') fileId: string, @Req() request: FastifyRequest): Promise<void> {
    const id = parseFileId(fileId);
    this.#requestLog.note(request.raw, { file_id: id });
    const conditional = { method: request.method, conditions: conditionsOf(request.headers), nowMs: Date.now() };
    await this.#files.delete(id, (entry) => void evaluateConditions(conditional, validatorsOf(entry)));
  }
}
