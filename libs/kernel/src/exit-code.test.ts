import { describe, expect, it } from 'vitest';
import { EXIT, exitCodeOf } from './exit-code.js';
import { StoreError } from './store-error.js';
import type { ErrorCode } from './store-error.js';

describe('exitCodeOf', () => {
  it.each<[ErrorCode, number]>([
    ['setting_invalid', 2],
    ['segment_not_found', 2],
    ['primary_taken', 2],
    ['directory_locked', 3],
    ['store_unreachable', 3],
    ['address_in_use', 3],
    ['log_corrupt', 4],
    ['log_behind', 4],
    ['future_format', 4],
    ['manifest_corrupt', 4],
    ['store_mismatch', 4],
    ['internal', 1],
  ])('%s exits with %i', (code, exitCode) => {
    expect(exitCodeOf(new StoreError(code, 'Why.'))).toBe(exitCode);
  });

  it('is 1 for what nobody foresaw', () => {
    expect(exitCodeOf(new Error('EACCES: permission denied'))).toBe(EXIT.failed);
    expect(exitCodeOf('odd')).toBe(EXIT.failed);
  });
});
