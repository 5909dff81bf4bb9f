import { describe, expect, it } from 'vitest';
import { standstillOf } from './standstill.js';

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const BEGUN = 1_000 * MINUTE;
const QUIET = { queueFailure: undefined, lastAnswerAtMs: undefined, bytesInFlight: 0 };

describe('what is owed stands still', () => {
  it('where the queue has failed for half a minute of the wait, however long it had before', () => {
    const failing = { ...QUIET, queueFailure: { sinceMs: 0, message: 'Redis is away.' } };
    const codeAt = (waitedMs: number) => standstillOf(failing, { sinceMs: BEGUN, nowMs: BEGUN + waitedMs });
    expect(codeAt(29 * SECOND)).toBeUndefined();
    expect(codeAt(30 * SECOND)).toEqual({
      code: 'queue_unavailable',
      message: 'Nothing is carried out: Redis is away.',
    });
  });

  it('not where the queue began to fail a moment ago', () => {
    const failing = { ...QUIET, queueFailure: { sinceMs: BEGUN + 2 * MINUTE, message: 'Redis is away.' } };
    const nowMs = BEGUN + 2 * MINUTE + 29 * SECOND;
    expect(standstillOf(failing, { sinceMs: BEGUN, nowMs })).toBeUndefined();
  });

  it('where nobody answers for minutes', () => {
    const at = (nowMs: number, lastAnswerAtMs?: number) =>
      standstillOf({ ...QUIET, lastAnswerAtMs }, { sinceMs: BEGUN, nowMs })?.code;
    expect(at(BEGUN + 4 * MINUTE - 1)).toBeUndefined();
    expect(at(BEGUN + 4 * MINUTE)).toBe('job_overdue');
    expect(at(BEGUN + 4 * MINUTE, BEGUN + 1)).toBeUndefined();
    // An answer of before says nothing.
    expect(at(BEGUN + 4 * MINUTE, BEGUN - MINUTE)).toBe('job_overdue');
  });

  it('not where a large file is on its way, which takes a slow store long', () => {
    const large = { ...QUIET, bytesInFlight: 10 * 1024 ** 3 };
    const at = (waitedMs: number) => standstillOf(large, { sinceMs: BEGUN, nowMs: BEGUN + waitedMs })?.code;
    expect(at(40 * MINUTE)).toBeUndefined();
    expect(at(60 * MINUTE)).toBe('job_overdue');
  });
});
