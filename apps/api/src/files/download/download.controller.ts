/** `GET /download/{file_id}` and `GET /read/{file_id}`: the bytes of a file, or a part of them; `HEAD` without them. */
import { Controller, Get, Param, Req, Res } from '@nestjs/common';
import { FileStore } from '#libs/file-store';
import { parseFileId } from '#libs/kernel';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { randomBytes } from 'node:crypto';
import { conditionsOf } from '../conditions.js';
import { planDownload } from './download-plan.js';
import type { DownloadRequest } from './download-plan.js';
import { ApiDownload } from './download.docs.js';
import { ResponseSink } from './response-sink.js';

@Controller()
export class DownloadController {
  readonly #files: FileStore;

  constructor(files: FileStore) {
    this.#files = files;
  }

  @Get('download/:file_id')
  @ApiDownload('Download a file')
  download(
    @Param('file_id') fileId: string,
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    return this.#send(fileId, downloadRequest('download', request), reply);
  }

  @Get('read/:file_id')
  @ApiDownload('Show a file in place where that is safe (raster images, audio, video, plain text, PDF)')
  read(@Param('file_id') fileId: string, @Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    return this.#send(fileId, downloadRequest('read', request), reply);
  }

  async #send(fileId: string, request: DownloadRequest, reply: FastifyReply): Promise<void> {
    const sink = new ResponseSink(reply, (entry) => planDownload(entry, request));
    await this.#files.read(parseFileId(fileId), sink);
    sink.end();
  }
}

function downloadRequest(purpose: DownloadRequest['purpose'], { method, headers }: FastifyRequest): DownloadRequest {
  // Node's types allow a list where its parser has joined the values already.
  const { range, 'if-range': ifRange, 'want-repr-digest': wantReprDigest } = headers;
  return {
    purpose,
    method,
    conditions: conditionsOf(headers),
    range,
    ifRange: ifRange?.toString(),
    wantReprDigest: wantReprDigest?.toString(),
    nowMs: Date.now(),
    boundary: newBoundary,
  };
}

function newBoundary(): string {
  return randomBytes(24).toString('hex');
}
