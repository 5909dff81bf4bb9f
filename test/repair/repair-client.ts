/** Begins a repair by the API and waits for its end. */
import { setTimeout as delay } from 'node:timers/promises';
import { expect } from 'vitest';
import type { TestServer } from '../server/harness.js';
import { ask } from '../server/http-client.js';

export interface RepairResult {
  readonly equal: boolean;
  readonly whole: boolean;
  readonly rounds: number;
  readonly mended: number;
  readonly findings: readonly {
    readonly store: string;
    readonly kind: string;
    readonly id: string;
    readonly finding: string;
    readonly action: string;
    readonly reason: string;
  }[];
  readonly could_not: readonly { readonly store: string; readonly file_id: string; readonly error: string | null }[];
  readonly censuses: readonly { readonly store: string; readonly digest: string }[];
  readonly differences: readonly object[];
}

const PATIENCE_MS = 100_000;
const POLL_MS = 20;

export async function beginRepair({ url }: TestServer, query = ''): Promise<string> {
  const begun = await ask(`${url}/admin/repair${query}`, { method: 'POST' });
  expect(begun.status).toBe(202);
  return begun.json<{ operation_id: string }>().operation_id;
}

export async function endOfRepair({ url }: TestServer, operationId: string): Promise<RepairResult> {
  const deadline = performance.now() + PATIENCE_MS;
  for (;;) {
    const operation = (await ask(`${url}/admin/operations/${operationId}`)).json<{
      state: string;
      result: RepairResult;
    }>();
    if (operation.state !== 'running') return operation.result;
    if (performance.now() > deadline) throw new Error(`the repair does not end: ${JSON.stringify(operation)}`);
    await delay(POLL_MS);
  }
}

export async function repair(server: TestServer, query = ''): Promise<RepairResult> {
  return endOfRepair(server, await beginRepair(server, query));
}
