import { StoreError } from '#libs/kernel';
import type { ErrorCode } from '#libs/kernel';
import { describe, expect, it } from 'vitest';
import { Interrupted, refusalOf } from './refusal.js';

describe('refusalOf', () => {
  it.each<[ErrorCode, number]>([
    ['setting_invalid', 2],
    ['directory_locked', 3],
    ['address_in_use', 3],
    ['log_corrupt', 4],
    ['log_behind', 4],
    ['future_format', 4],
    ['manifest_corrupt', 4],
    ['store_mismatch', 4],
    ['internal', 1],
  ])('%s exits with %i', (code, exitCode) => {
    expect(refusalOf(new StoreError(code, 'Why.'))).toEqual({ exitCode, line: 'holdfast: Why.' });
  });

  it('says several things on one line', () => {
    const error = new StoreError('setting_invalid', 'PORT=x: is no port\n  HOST=y: is no host\n');
    expect(refusalOf(error).line).toBe('holdfast: PORT=x: is no port; HOST=y: is no host');
  });

  it('exits with 1 for what nobody foresaw', () => {
    expect(refusalOf(new Error('EACCES: permission denied'))).toEqual({
      exitCode: 1,
      line: 'holdfast: EACCES: permission denied',
    });
    expect(refusalOf('odd')).toEqual({ exitCode: 1, line: 'holdfast: odd' });
  });

  it('exits as interrupted when it was', () => {
    expect(refusalOf(new Interrupted()).exitCode).toBe(130);
  });
});
