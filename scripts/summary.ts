// What a test run amounts to. A test file that cannot be loaded, a hook that throws and an error outside any test all count
// as failed, so the line never looks better than the exit code; a run that executed nothing has failed.
import type { SerializedError } from 'vitest';
import type { TestModule, TestRunEndReason } from 'vitest/node';

export interface Counts {
  passed: number;
  failed: number;
  skipped: number;
}

export function countOutcomes(
  modules: ReadonlyArray<TestModule>,
  unhandledErrors: ReadonlyArray<SerializedError>,
  reason: TestRunEndReason,
): Counts {
  const counts: Counts = { passed: 0, failed: unhandledErrors.length, skipped: 0 };
  for (const module of modules) {
    for (const test of module.children.allTests()) {
      const { state } = test.result();
      if (state === 'passed') counts.passed += 1;
      else if (state === 'failed') counts.failed += 1;
      // A test that was queued when the run broke off has not been skipped by anybody's decision.
      else if (state === 'pending') counts.failed += 1;
      else counts.skipped += 1;
    }
    counts.failed += module.errors().length;
    for (const suite of module.children.allSuites()) counts.failed += suite.errors().length;
  }
  const nothingRan = counts.passed + counts.failed === 0;
  if (nothingRan || (reason !== 'passed' && counts.failed === 0)) counts.failed += 1;
  return counts;
}

export function summaryLine(counts: Counts): string {
  return `${counts.passed} passed, ${counts.failed} failed, ${counts.skipped} skipped`;
}
