import { StoreError } from '#libs/kernel';
import { describe, expect, it } from 'vitest';
import { absentIsUndefined, assertFromS3, s3Failure } from './s3-errors.js';

const LOCATION = 's3://bucket';

interface AnswerFacts {
  readonly status?: number;
  readonly name?: string;
  readonly code?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

/** As the SDK throws it: with what the server said in the message, and more of it in fields. */
function sdkError({ status, name = 'Unknown', code, headers }: AnswerFacts): Error {
  const error = Object.assign(new Error('told about AKSECRET'), { name, AWSAccessKeyId: 'AKSECRET' });
  if (code !== undefined) Object.assign(error, { code });
  if (status !== undefined) Object.assign(error, { $metadata: { httpStatusCode: status, requestId: 'r1' } });
  return Object.assign(error, { $response: { headers: { authorization: 'AKSECRET', ...headers } } });
}

describe('a failed request', () => {
  it.each<[string, AnswerFacts, string, boolean, string]>([
    ['a gone bucket', { status: 404, name: 'NoSuchBucket' }, 'store_unreachable', false, 'no such bucket'],
    ['forbidden', { status: 403, name: 'AccessDenied' }, 'store_refused', false, 'forbids'],
    ['an unknown key', { status: 403, name: 'InvalidAccessKeyId' }, 'store_refused', false, 'AWS_ACCESS_KEY_ID'],
    ['a wrong secret', { status: 403, name: 'SignatureDoesNotMatch' }, 'store_refused', false, 'AWS_SECRET_ACCESS_KEY'],
    ['an expired token', { status: 400, name: 'ExpiredToken' }, 'store_refused', false, 'expired'],
    ['a wrong clock', { status: 403, name: 'RequestTimeTooSkewed' }, 'store_refused', false, 'clock'],
    ['somebody else’s bucket', { status: 409, name: 'BucketAlreadyExists' }, 'store_refused', false, 'somebody else'],
    ['another region', { status: 301, name: 'PermanentRedirect' }, 'store_unreachable', false, 'region='],
    [
      'another region, signed',
      { status: 400, name: 'AuthorizationHeaderMalformed' },
      'store_unreachable',
      false,
      'region=',
    ],
    ['a redirect without a code', { status: 307 }, 'store_unreachable', false, 'region='],
    ['a quota', { status: 403, name: 'QuotaExceeded' }, 'store_full', false, 'no room'],
    ['a full disk', { status: 507 }, 'store_full', false, 'no room'],
    ['too much at once', { status: 503, name: 'SlowDown' }, 'store_unreachable', true, 'overloaded'],
    ['too much, without a code', { status: 429 }, 'store_unreachable', true, 'overloaded'],
    [
      'an error inside, under a good status',
      { status: 200, name: 'InternalError' },
      'store_unreachable',
      true,
      'its side',
    ],
    ['a gateway', { status: 502 }, 'store_unreachable', true, 'its side'],
    ['a garbled body', { status: 400, name: 'BadDigest' }, 'store_unreachable', true, 'whole'],
    ['a web server', { status: 405, name: 'MethodNotAllowed' }, 'store_unreachable', false, 'as an S3 server does'],
    [
      'a code named like a method of every object',
      { status: 500, name: 'constructor' },
      'store_unreachable',
      true,
      'its side',
    ],
    ['nobody there', { code: 'ECONNREFUSED' }, 'store_unreachable', true, 'cannot be reached'],
    ['no such host', { code: 'ENOTFOUND' }, 'store_unreachable', true, 'cannot be reached'],
    ['silence', { name: 'TimeoutError' }, 'store_unreachable', true, 'in time'],
    ['a strange certificate', { code: 'DEPTH_ZERO_SELF_SIGNED_CERT' }, 'store_unreachable', false, 'certificate'],
    ['a page that is no XML', { status: 200, name: 'SyntaxError' }, 'store_unreachable', true, 'cannot be read'],
  ])('%s', (_what, facts, code, isPassing, says) => {
    const failure = s3Failure(sdkError(facts), LOCATION);
    expect(failure).toMatchObject({ isPassing, error: { code, message: expect.stringContaining(says) } });
    const { message, stack, context, cause } = failure.error;
    expect(JSON.stringify([message, stack, context, cause])).not.toContain('AKSECRET');
  });

  it.each([
    ['7', 7000],
    ['0', 0],
    ['Wed, 21 Oct 2026 07:28:00 GMT', undefined],
    ['-1', undefined],
    ['1e9', undefined],
  ])('says Retry-After: %s', (header, expected) => {
    const failure = s3Failure(sdkError({ status: 503, headers: { 'retry-after': header } }), LOCATION);
    expect(failure.retryAfterMs).toBe(expected);
  });

  it('shows no name that a server made up', () => {
    const { error } = s3Failure(sdkError({ status: 400, name: 'x\n\u001b[2J' }), LOCATION);
    expect(JSON.stringify([error.message, error.context])).not.toContain('2J');
  });

  it('of our own stays what it is', () => {
    const own = new StoreError('store_foreign', 'x');
    expect(s3Failure(own, LOCATION)).toEqual({ error: own, isPassing: false });
  });
});

describe('absence', () => {
  it.each<[string, AnswerFacts, boolean]>([
    ['a missing object', { status: 404, name: 'NoSuchKey' }, true],
    ['a HEAD without a code', { status: 404, name: 'NotFound' }, true],
    ['a missing bucket', { status: 404, name: 'NoSuchBucket' }, false],
    ['forbidden', { status: 403, name: 'AccessDenied' }, false],
  ])('%s', async (_what, facts, isAbsent) => {
    const outcome = await absentIsUndefined(Promise.reject(sdkError(facts))).catch(() => 'an error');
    expect(outcome).toBe(isAbsent ? undefined : 'an error');
  });

  it('of what an S3 server always sends is no answer of one', () => {
    expect(() => assertFromS3(undefined)).toThrow('S3 server');
    expect(() => assertFromS3(false)).not.toThrow();
  });
});
