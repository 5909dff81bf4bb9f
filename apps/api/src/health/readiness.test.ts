import type { BootReport } from '#libs/recovery';
import { describe, expect, it } from 'vitest';
import { readinessOf, RECOVERING } from './readiness.js';

const REPORT: BootReport = {
  finishedAtMs: 1_795_233_906_000,
  durationMs: 12,
  replayedRecords: 3,
  interruptedUploads: 1,
  stagedFilesRemoved: 2,
  tornTailPath: undefined,
  catalogRebuilt: 'missing',
  damagedManifests: 0,
  logWasGone: false,
};

const SERVING = { ...RECOVERING, stage: 'serving' as const, report: REPORT };

describe('readinessOf', () => {
  it('is ready, and tells of the last recovery', () => {
    expect(readinessOf(SERVING)).toEqual({
      status: 'ready',
      reasons: [],
      last_recovery: {
        finished_at: 1_795_233_906_000,
        duration_ms: 12,
        replayed_records: 3,
        interrupted_uploads: 1,
        staged_files_removed: 2,
        torn_tail_path: null,
        catalog_rebuilt: 'missing',
        damaged_manifests: 0,
        log_was_gone: false,
      },
    });
  });

  it.each([
    [{ logPoisoned: true }, ['log_poisoned']],
    [{ applyHalted: true }, ['apply_halted']],
    [{ checkpointFailed: true }, ['checkpoint_failed']],
    [{ stage: 'stopping' as const }, ['shutting_down']],
    [
      { stage: 'stopping' as const, applyHalted: true, logPoisoned: true },
      ['log_poisoned', 'apply_halted', 'shutting_down'],
    ],
  ])('%j is not ready', (condition, reasons) => {
    expect(readinessOf({ ...SERVING, ...condition })).toMatchObject({ status: 'not_ready', reasons });
  });

  it('is not ready before it has recovered', () => {
    expect(readinessOf(RECOVERING)).toEqual({ status: 'not_ready', reasons: ['recovering'], last_recovery: null });
  });
});
