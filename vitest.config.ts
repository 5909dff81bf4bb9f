import { defineConfig } from 'vitest/config';
import { SummaryReporter } from './scripts/summary-reporter.js';

// `source` makes `#libs/*` resolve to TypeScript sources, so that unit tests need no build.
const conditions = ['source', 'node', 'module', 'default'];
const resolution = { resolve: { conditions }, ssr: { resolve: { conditions } } };

// Rounds of the random crash tests: few in every run, 200 and more by `npm run test:crash`.
process.env['CRASH_ROUNDS'] ??= '10';

const seconds = (count: number): number => count * 1000;

export default defineConfig({
  test: {
    reporters: ['default', new SummaryReporter()],
    passWithNoTests: false,
    projects: [
      {
        ...resolution,
        test: {
          name: 'unit',
          include: ['libs/**/*.test.ts', 'apps/**/*.test.ts', 'scripts/**/*.test.ts'],
          testTimeout: seconds(20),
          hookTimeout: seconds(20),
          maxWorkers: '100%',
          // Projects run one after another in this order. Not 0, which vitest takes for no order and puts last.
          sequence: { groupOrder: 1 },
        },
      },
      {
        ...resolution,
        // These start the built server from `dist/`; one file at a time, so that timings stay honest on two cores.
        test: {
          name: 'integration',
          include: ['test/**/*.test.ts'],
          exclude: ['test/crash/**'],
          testTimeout: seconds(120),
          hookTimeout: seconds(120),
          fileParallelism: false,
          sequence: { groupOrder: 2 },
        },
      },
      {
        ...resolution,
        test: {
          name: 'crash',
          include: ['test/crash/**/*.test.ts'],
          testTimeout: seconds(30 * 60),
          hookTimeout: seconds(120),
          fileParallelism: false,
          sequence: { groupOrder: 3 },
        },
      },
    ],
  },
});
