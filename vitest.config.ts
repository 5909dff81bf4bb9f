import { accessSync, constants, statfsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { defineConfig } from 'vitest/config';
import { LongestFirst } from './scripts/longest-first.js';
import { SummaryReporter } from './scripts/summary-reporter.js';

// `source` makes `#libs/*` resolve to TypeScript sources, so that unit tests need no build.
const conditions = ['source', 'node', 'default'];
const resolution = { resolve: { conditions }, ssr: { resolve: { conditions } } };

// Rounds of the random crash tests: few in every run, 200 and more by `npm run test:crash`.
process.env['CRASH_ROUNDS'] ??= '10';

// Load of the soak: a minute of every run, ten minutes by `npm run test:soak`.
process.env['SOAK_SECONDS'] ??= '60';

// Rounds of real cuts of power: few in every run, 20 by `npm run test:faults`.
process.env['FAULT_ROUNDS'] ??= '2';

const seconds = (count: number): number => count * 1000;

const MEMORY_DISK = '/dev/shm';
const MEMORY_NEEDED_BYTES = 2 * 1024 ** 3;

/**
 * Where tests of processes that are killed, and of no disk that fails, keep their installations. Each makes and removes some
 * two thousand directories, and syncs them: minutes on a disk. The crash and fault tests stay on one.
 */
function quickDirectory(): string {
  try {
    accessSync(MEMORY_DISK, constants.W_OK);
    const { bavail, bsize } = statfsSync(MEMORY_DISK);
    return process.env['TMPDIR'] === undefined && bavail * bsize >= MEMORY_NEEDED_BYTES ? MEMORY_DISK : tmpdir();
  } catch {
    return tmpdir();
  }
}

/** These wait for limits of time, memory and rate, which another test on the same processors would move. */
const PATIENT_TESTS = [
  ...['aborted-uploads', 'bad-days', 'guesses', 'idle'].map((name) => `test/api/${name}.test.ts`),
  'test/store/life.test.ts',
];

export default defineConfig({
  test: {
    reporters: ['default', new SummaryReporter()],
    passWithNoTests: false,
    sequence: { sequencer: LongestFirst },
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
        // These start the built server from `dist/`, on ports and directories of their own.
        test: {
          name: 'integration',
          include: ['test/**/*.test.ts'],
          exclude: [
            'test/crash/**',
            'test/soak/**',
            'test/open-api/**',
            'test/states/**',
            'test/faults/**',
            ...PATIENT_TESTS,
          ],
          env: { TMPDIR: quickDirectory() },
          testTimeout: seconds(120),
          hookTimeout: seconds(120),
          // As many as CI has processors: more of them meet the time limits of the tests that wait.
          maxWorkers: 2,
          sequence: { groupOrder: 2 },
        },
      },
      {
        ...resolution,
        test: {
          name: 'patience',
          include: PATIENT_TESTS,
          env: { TMPDIR: quickDirectory() },
          testTimeout: seconds(120),
          hookTimeout: seconds(120),
          fileParallelism: false,
          sequence: { groupOrder: 3 },
        },
      },
      {
        ...resolution,
        test: {
          name: 'crash',
          include: ['test/{crash,soak}/**/*.test.ts'],
          testTimeout: seconds(30 * 60),
          hookTimeout: seconds(120),
          // Beside the faults: they wait for the same disk, and each has processes and directories of its own.
          maxWorkers: 2,
          sequence: { groupOrder: 4 },
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
          // Each test has disks of its own.
          maxWorkers: 2,
          sequence: { groupOrder: 4 },
        },
      },
    ],
  },
});
