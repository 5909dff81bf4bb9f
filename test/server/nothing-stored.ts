/** What a refused upload leaves behind: nothing that a client could see, and nothing on the disk. */
import { join } from 'node:path';
import { expect } from 'vitest';
import type { Problem } from './file-client.js';
import type { TestServer } from './harness.js';
import { ask } from './http-client.js';
import type { Answer } from './http-client.js';
import { filesBelow } from './installation.js';

export async function expectNothingStored(server: TestServer): Promise<void> {
  const { files } = (await ask(`${server.url}/files`)).json<{ files: unknown[] }>();
  expect(files).toEqual([]);
  for (const place of ['staging', 'chunks', 'manifests']) {
    expect(await filesBelow(join(server.installation.primary, place))).toEqual([]);
  }
}

/** Repeats a check until it passes; throws what it throws where it does not in a few seconds. */
export async function eventually(check: () => Promise<void>): Promise<void> {
  for (let attempt = 0; ; attempt += 1) {
    try {
      await check();
      return;
    } catch (error) {
      if (attempt === 100) throw error;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
}

/** Status and code of a problem, once it is seen to be a proper one. */
export function problemOf(answer: Answer): [status: number, code: string] {
  expect(answer.headers['content-type']).toBe('application/problem+json');
  const problem = answer.json<Problem>();
  expect(problem.status).toBe(answer.status);
  return [problem.status, problem.code];
}
