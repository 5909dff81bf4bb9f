import { defineConfig } from 'vitest/config';
import { SummaryReporter } from './scripts/summary-reporter.js';

// `source` makes `#libs/*` resolve to TypeScript sources, so that unit tests need no build.
const conditions = ['source', 'node', 'module', 'default'];
const resolution = { resolve: { conditions }, ssr: { resolve: { conditions } } };

// Rounds of the random crash tests: few in every run, 200 and more by `npm run test:crash`.
process.env['CRASH_ROUNDS'] ??= '10';

// Load of the soak, under a minute in every run, ten by `npm run test:soak`.
process.env['SOAK_SECONDS'] ??= '40';

// Rounds of real cuts of power: few in every run, 20 by `npm run test:faults`.
process.env['FAULT_ROUNDS'] ??= '2';

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
          include: [
            'libs/**/*.test.ts',
            'apps/**/*.test.ts',
            'scripts/**/*.test.ts',
            'test/{open-api,states}/**/*.test.ts',
          ],
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
          exclude: ['test/crash/**', 'test/soak/**', 'test/open-api/**', 'test/states/**', 'test/faults/**'],
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
          include: ['test/{crash,soak}/**/*.test.ts'],
          testTimeout: seconds(30 * 60),
          hookTimeout: seconds(120),
          fileParallelism: false,
          sequence: { groupOrder: 3 },
        },
      },
      {
        ...resolution,
        // Real disks that fill, fail and lose their power. Skipped, with the reason, where the machine does not allow it.
        test: {
          name: 'faults',
          include: ['test/faults/**/*.test.ts'],
          testTimeout: seconds(15 * 60),
          hookTimeout: seconds(120),
          // Each test has disks of its own. Two, because most of the time goes into starts of servers.
          maxWorkers: 2,
          sequence: { groupOrder: 4 },
        },
      },
    ],
  },
});
