// Ends a run with the one line that machines read: `N passed, N failed, N skipped`. Under `npm test` the counts go to a file
// instead, because the checks and the build still count in.
import { writeFileSync } from 'node:fs';
import type { SerializedError } from 'vitest';
import type { Reporter, TestModule, TestRunEndReason } from 'vitest/node';
import { countOutcomes, summaryLine } from './summary.js';

export class SummaryReporter implements Reporter {
  onTestRunEnd(
    modules: ReadonlyArray<TestModule>,
    unhandledErrors: ReadonlyArray<SerializedError>,
    reason: TestRunEndReason,
  ): void {
    const counts = countOutcomes(modules, unhandledErrors, reason);
    if (counts.failed > 0) process.exitCode = 1;
    const countsFile = process.env['TEST_COUNTS_FILE'];
    if (countsFile === undefined) console.log(`\n${summaryLine(counts)}`);
    else writeFileSync(countsFile, JSON.stringify(counts));
  }
}
