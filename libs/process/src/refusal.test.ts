import { StoreError } from '#libs/kernel';
import { describe, expect, it } from 'vitest';
import { Interrupted, refusalOf } from './refusal.js';

describe('refusalOf', () => {
  it('gives the exit code of the error, and its sentence', () => {
    expect(refusalOf(new StoreError('log_corrupt', 'Why.'))).toEqual({ exitCode: 4, line: 'holdfast: Why.' });
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
    expect(refusalOf(new Interrupted('stopped')).exitCode).toBe(130);
  });
});
