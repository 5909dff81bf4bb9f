/** `POST /upload` and `PUT /write`: a body becomes a file. */
import { Controller, HttpCode, Inject, Post, Put, Query, Req, Res } from '@nestjs/common';
import { RouteConfig } from '@nestjs/platform-fastify';
import type { Settings } from '#libs/config';
import { fileTooLarge, FileStore, lacksCopies, verifiedBody } from '#libs/file-store';
import type { FileReceipt } from '#libs/file-store';
import { parseFileName, StoreError } from '#libs/kernel';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { multipartBoundary, storableContentType } from '../../http/media-type.js';
import type { MultipartType } from '../../http/media-type.js';
import type { Query as QueryParameters } from '../../http/query.js';
import { declaredBodyBytes, requestBody } from '../../http/request-body.js';
import { givenContentType, STREAMED_BODY } from '../../http/streamed-body.js';
import { RequestLog } from '../../logging/request-log.js';
import { SETTINGS } from '../../nest/tokens.js';
import { fileAnswer } from '../file-answer.js';
import type { FileAnswer } from '../file-answer.js';
import { assertPlainContent, assertPlainTransfer } from './coding-fields.js';
import { parseIdempotencyKey } from './idempotency-key.js';
import { expectedDigests } from './integrity-fields.js';
import { MAX_BYTES_AFTER_FILE, MAX_BYTES_BEFORE_FILE, openFilePart } from './multipart-body.js';
import { nameInQuery } from './query-name.js';
import { replicationWish } from './replication-query.js';
import { ApiUpload, ApiWrite } from './upload.docs.js';

@Controller()
export class UploadController {
  readonly #files: FileStore;
  readonly #requestLog: RequestLog;
  readonly #settings: Settings;

  constructor(files: FileStore, requestLog: RequestLog, @Inject(SETTINGS) settings: Settings) {
    this.#files = files;
    this.#requestLog = requestLog;
    this.#settings = settings;
  }

  @Post('upload')
  @HttpCode(201)
  @RouteConfig(STREAMED_BODY)
  @ApiUpload()
  async upload(
    @Req() request: FastifyRequest,
    @Query() query: QueryParameters,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<FileAnswer> {
    this.#assertConditions(request, query);
    const multipart = multipartBoundary(givenContentType(request));
    const receipt = await (multipart === undefined
      ? this.#storeRaw(request, query)
      : this.#storeForm(request, query, multipart));
    return this.#created(receipt, request, reply);
  }

  @Put('write')
  @HttpCode(201)
  @RouteConfig(STREAMED_BODY)
  @ApiWrite()
  async write(
    @Req() request: FastifyRequest,
    @Query() query: QueryParameters,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<FileAnswer> {
    this.#assertConditions(request, query);
    if (multipartBoundary(givenContentType(request)) !== undefined) {
      throw new StoreError('invalid_request', 'PUT /write stores the body as it is; send a form to POST /upload.');
    }
    return this.#created(await this.#storeRaw(request, query), request, reply);
  }

  /** What can be refused from the head of the request alone, whatever the body is. */
  #assertConditions({ headers }: FastifyRequest, query: QueryParameters): void {
    replicationWish(query, this.#settings);
    assertPlainTransfer(headers);
    assertPlainContent(headers);
    // Every upload makes a file of its own, so there is never one here that could match (RFC 9110, section 13.1.1).
    if (headers['if-match'] !== undefined) {
      throw new StoreError('precondition_failed', 'If-Match: an upload makes a new file and replaces none.');
    }
  }

  async #storeRaw(request: FastifyRequest, query: QueryParameters): Promise<FileReceipt> {
    // A part must not pass for the whole (RFC 9110, section 14.5).
    if (request.headers['content-range'] !== undefined) {
      throw new StoreError('invalid_request', 'Content-Range: an upload holds the whole file.');
    }
    return this.#files.upload({
      fileName: nameInQuery(request.raw.url ?? '', query),
      contentType: storableContentType(givenContentType(request)),
      declaredBytes: declaredBodyBytes(request.raw),
      replication: replicationWish(query, this.#settings),
      digests: expectedDigests(request.headers),
      idempotencyKey: parseIdempotencyKey(request.headers['idempotency-key']),
      body: requestBody(request.raw),
    });
  }

  /** A name in the query is more deliberate than the one a form fills in, so it wins. */
  async #storeForm(request: FastifyRequest, query: QueryParameters, { boundary }: MultipartType): Promise<FileReceipt> {
    if (boundary === undefined) {
      throw new StoreError(
        'invalid_request',
        'The Content-Type multipart/form-data lacks its boundary of 1 to 70 characters.',
      );
    }
    const name = nameInQuery(request.raw.url ?? '', query);
    if (name !== undefined) parseFileName(name);
    const idempotencyKey = parseIdempotencyKey(request.headers['idempotency-key']);
    await this.#assertMayFit(declaredBodyBytes(request.raw) ?? 0, idempotencyKey);
    // Of the whole form, as it was sent; a part has digests of its own.
    const digests = expectedDigests(request.headers);
    const form = requestBody(request.raw);
    const part = await openFilePart(digests.length === 0 ? form : verifiedBody(form, digests), boundary);
    try {
      assertPlainContent(part.fields);
      return await this.#files.upload({
        fileName: name ?? part.fileName,
        contentType: storableContentType(part.contentType),
        declaredBytes: undefined,
        replication: replicationWish(query, this.#settings),
        digests: expectedDigests(part.fields),
        idempotencyKey,
        body: part.bytes,
      });
    } finally {
      part.close();
    }
  }

  /** A form does not declare the length of its file; but one that cannot fit even without the rest is refused unread. */
  async #assertMayFit(bodyBytes: number, idempotencyKey: string | undefined): Promise<void> {
    const atLeastBytes = Math.max(bodyBytes - MAX_BYTES_BEFORE_FILE - MAX_BYTES_AFTER_FILE, 0);
    const { maxFileSizeBytes } = this.#settings;
    if (atLeastBytes > maxFileSizeBytes) throw fileTooLarge(maxFileSizeBytes);
    await this.#files.assertUploadable({ atLeastBytes, idempotencyKey });
  }

  #created(receipt: FileReceipt, request: FastifyRequest, reply: FastifyReply): FileAnswer {
    this.#requestLog.note(request.raw, { file_id: receipt.fileId, file_size: receipt.fileSize, lsn: receipt.lsn });
    void reply.header('location', `/files/${receipt.fileId}`);
    // Durable on the primary; the copies it was to wait for are owed, and the answer says which.
    if (lacksCopies(receipt)) void reply.code(202);
    return fileAnswer(receipt);
  }
}
