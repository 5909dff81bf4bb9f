import { BadRequestException, InternalServerErrorException, NotFoundException } from '@nestjs/common';
import { ERROR_CODES, StoreError } from '#libs/kernel';
import type { ErrorCode } from '#libs/kernel';
import { errorCodes } from 'fastify';
import { describe, expect, it } from 'vitest';
import { toStoreError } from './foreign-error.js';
import { problemOf, STATUS_BY_CODE } from './problem.js';

const CODES = Object.keys(ERROR_CODES) as ErrorCode[];

describe('problemOf', () => {
  it.each(CODES)('%s has the standard members', (code) => {
    const { status, headers, body } = problemOf(new StoreError(code, 'What happened.'));
    expect(status).toBe(STATUS_BY_CODE[code]);
    expect(headers['content-type']).toBe('application/problem+json');
    expect(body).toEqual({
      type: `urn:holdfast:error:${code}`,
      title: ERROR_CODES[code].title,
      status,
      detail: 'What happened.',
      code,
    });
  });

  it('adds the context and lets it replace nothing', () => {
    const error = new StoreError('file_not_found', 'Gone.', { context: { file_id: 'x', status: 200, code: 'fine' } });
    expect(problemOf(error).body).toMatchObject({ file_id: 'x', status: 404, code: 'file_not_found' });
  });

  it.each<[ErrorCode, Record<string, string | number>, Record<string, string>]>([
    ['unauthorized', {}, { 'www-authenticate': 'Bearer realm="holdfast"' }],
    ['range_not_satisfiable', { file_size: 12 }, { 'content-range': 'bytes */12' }],
    ['method_not_allowed', { allow: 'GET, HEAD' }, { allow: 'GET, HEAD' }],
    ['content_coding_unsupported', {}, { 'accept-encoding': 'identity' }],
    ['overloaded', { retry_after_seconds: 1 }, { 'retry-after': '1' }],
    ['log_full', {}, { 'retry-after': '5' }],
  ])('%s %j comes with %j', (code, context, headers) => {
    expect(problemOf(new StoreError(code, 'x', { context })).headers).toMatchObject(headers);
  });

  it('promises no retry where there is none', () => {
    expect(problemOf(new StoreError('log_corrupt', 'x')).headers).not.toHaveProperty('retry-after');
    expect(problemOf(new StoreError('invalid_request', 'x')).headers).not.toHaveProperty('retry-after');
  });
});

describe('toStoreError', () => {
  it.each<[what: string, thrown: unknown, code: ErrorCode]>([
    ['an unknown route', new NotFoundException('Cannot GET /x'), 'route_not_found'],
    ['a bad request of Nest', new BadRequestException(), 'invalid_request'],
    ['a body over the limit', new errorCodes.FST_ERR_CTP_BODY_TOO_LARGE(), 'payload_too_large'],
    ['a malformed URL', new errorCodes.FST_ERR_BAD_URL('/%zz'), 'invalid_request'],
    ['an over-long parameter', new errorCodes.FST_ERR_MAX_PARAM_LENGTH('/x'), 'invalid_request'],
    ['an unknown media type', new errorCodes.FST_ERR_CTP_INVALID_MEDIA_TYPE(), 'invalid_request'],
    ['a server error of Nest', new InternalServerErrorException('secret'), 'internal'],
    ['any error', new Error('secret'), 'internal'],
    ['a system error', Object.assign(new Error('secret'), { code: 'EIO' }), 'internal'],
    ['something that is no error', 'secret', 'internal'],
    ['nothing', undefined, 'internal'],
  ])('%s', (_what, thrown, code) => {
    const error = toStoreError(thrown);
    expect(error.code).toBe(code);
    expect(error.cause).toBe(thrown);
    expect(JSON.stringify(problemOf(error))).not.toContain('secret');
  });

  it('leaves our own errors as they are', () => {
    const error = new StoreError('disk_reserve', 'x');
    expect(toStoreError(error)).toBe(error);
  });
});
