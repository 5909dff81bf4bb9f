/** `/admin/files`: what an operator does with a file that its users cannot. */
import { Controller, Param, Post, Req, Res } from '@nestjs/common';
import { ApiCreatedResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import { FileStore } from '#libs/file-store';
import { parseFileId } from '#libs/kernel';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { ApiFileId } from '../files/conditions.docs.js';
import { FileAnswer, fileAnswer } from '../files/file-answer.js';
import { RequestLog } from '../logging/request-log.js';
import { ApiProblems, WRITE_PROBLEMS } from '../open-api/api-problems.js';

@ApiTags('admin')
@Controller('admin/files')
export class UndeleteController {
  readonly #files: FileStore;
  readonly #requestLog: RequestLog;

  constructor(files: FileStore, requestLog: RequestLog) {
    this.#files = files;
    this.#requestLog = requestLog;
  }

  @Post(':file_id/undelete')
  @ApiOperation({
    summary: 'Bring a deleted file back, under a new file_id, while its bytes are there',
    description:
      'Its manifest and chunks are kept for GC_GRACE after the delete. Name, type and created_at are those of the old file; its Idempotency-Key is not taken again.',
  })
  @ApiFileId()
  @ApiCreatedResponse({
    type: FileAnswer,
    description: 'The new file, durable on the primary; its copies are owed.',
    headers: { Location: { description: 'Path of the new file.', schema: { type: 'string' } } },
  })
  @ApiProblems(
    'invalid_file_id',
    'file_not_found',
    'file_not_deleted',
    'undelete_impossible',
    'payload_too_large',
    'log_full',
    ...WRITE_PROBLEMS,
  )
  async undelete(
    @Param('file_id') fileId: string,
    @Req() request: FastifyRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<FileAnswer> {
    const id = parseFileId(fileId);
    this.#requestLog.note(request.raw, { file_id: id });
    const receipt = await this.#files.undelete(id);
    void reply.header('location', `/files/${receipt.fileId}`);
    return fileAnswer(receipt);
  }
}
