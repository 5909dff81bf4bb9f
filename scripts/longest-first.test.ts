import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { expect, it } from 'vitest';
import type { TestSpecification, Vitest } from 'vitest/node';
import { LongestFirst, SECONDS } from './longest-first.js';

const ROOT = resolve(import.meta.dirname, '..');

it.each(Object.keys(SECONDS))('%s is there', (path) => {
  expect(existsSync(resolve(ROOT, path))).toBe(true);
});

it('begins with what takes longest, and mixes no groups', async () => {
  const spec = (path: string, groupOrder: number): TestSpecification =>
    ({
      moduleId: resolve(ROOT, path),
      project: { name: 'any', config: { isolate: true, sequence: { groupOrder } } },
    }) as unknown as TestSpecification;
  const context = { config: { root: ROOT }, cache: { getTestSpecificationResult: () => undefined } };
  const files = [
    spec('test/faults/full-disk.test.ts', 2),
    spec('test/api/downloads.test.ts', 1),
    spec('test/cli/wal.test.ts', 1),
    spec('test/operations/operations.test.ts', 1),
  ];
  const sorted = await new LongestFirst(context as unknown as Vitest).sort(files);
  expect(sorted).toEqual([files[3], files[2], files[1], files[0]]);
});
