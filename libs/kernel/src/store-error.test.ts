import { describe, expect, it } from 'vitest';
import { ERROR_CODES, StoreError, systemErrorCode } from './store-error.js';
import type { ErrorCode } from './store-error.js';

const KINDS = Object.entries(ERROR_CODES);

describe('the table of errors', () => {
  it.each(KINDS)('%s has a code in snake_case and a title of one sentence', (code, { title }) => {
    expect(code).toMatch(/^[a-z]+(_[a-z]+)*$/);
    expect(title).toMatch(/^[A-Z][^\n]*[^.]\.$/);
  });

  it('says of each kind something else', () => {
    expect(new Set(KINDS.map(([, { title }]) => title)).size).toBe(KINDS.length);
  });

  it('asks nobody to repeat what cannot succeed', () => {
    const hopeless: ErrorCode[] = [
      'invalid_request',
      'file_not_found',
      'chunk_corrupt',
      'log_corrupt',
      'future_format',
    ];
    expect(hopeless.filter((code) => ERROR_CODES[code].retryable)).toEqual([]);
    const passing: ErrorCode[] = ['overloaded', 'recovering', 'log_full', 'outcome_unknown', 'apply_halted'];
    expect(passing.filter((code) => !ERROR_CODES[code].retryable)).toEqual([]);
  });
});

describe('StoreError', () => {
  it('carries code, context and cause, and what the table says of its code', () => {
    const cause = new Error('EIO');
    const error = new StoreError('log_full', 'Wait.', { context: { limit_bytes: 7 }, cause });
    expect(error).toBeInstanceOf(Error);
    expect(error).toMatchObject({ name: 'StoreError', code: 'log_full', retryable: true, message: 'Wait.', cause });
    expect(error.context).toEqual({ limit_bytes: 7 });
  });

  it('has no cause where none was given', () => {
    expect('cause' in new StoreError('internal', 'x')).toBe(false);
    expect(new StoreError('internal', 'x').context).toEqual({});
  });

  it('is told from other errors, and by code', () => {
    const error = new StoreError('internal', 'x');
    expect(StoreError.is(error)).toBe(true);
    expect(StoreError.is(error, 'internal')).toBe(true);
    expect(StoreError.is(error, 'log_full')).toBe(false);
    for (const other of [new Error('internal'), { code: 'internal' }, undefined, 'internal']) {
      expect(StoreError.is(other)).toBe(false);
    }
  });
});

describe('systemErrorCode', () => {
  it('is the code of a system error, and of nothing else', () => {
    expect(systemErrorCode(Object.assign(new Error('x'), { code: 'ENOENT' }))).toBe('ENOENT');
    for (const other of [new Error('x'), Object.assign(new Error('x'), { code: 7 }), { code: 'ENOENT' }, null]) {
      expect(systemErrorCode(other)).toBeUndefined();
    }
  });
});
