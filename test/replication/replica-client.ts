/** The admin side of replication, as the tests ask for it. */
import { expect } from 'vitest';
import type { TestServer } from '../server/harness.js';
import { ask } from '../server/http-client.js';
import type { Answer } from '../server/http-client.js';
import { eventually } from './wait-until.js';

export interface StoreStatus {
  readonly store_id: string;
  readonly name: string;
  readonly url: string;
  readonly state: string;
  readonly obligations: { readonly put: number; readonly delete: number; readonly repair: number };
  readonly lag: { readonly files: number; readonly bytes: number; readonly seconds: number };
  readonly last_success_at: number | null;
  readonly last_error: { readonly code: string; readonly message: string; readonly at: number } | null;
}

export async function statusOf({ url }: Pick<TestServer, 'url'>): Promise<readonly StoreStatus[]> {
  const answer = await ask(`${url}/admin/replicas/status`);
  expect(answer.status).toBe(200);
  return answer.json<{ stores: StoreStatus[] }>().stores;
}

/** Resolves when nothing is owed to any replica of the settings. */
export async function nothingOwed(server: Pick<TestServer, 'url'>): Promise<void> {
  await eventually(async () => {
    const stores = (await statusOf(server)).filter(({ state }) => state !== 'draining');
    return stores.filter(({ lag }) => lag.files > 0).map(({ name, lag, last_error: error }) => ({ name, lag, error }));
  }, []);
}

export async function stateOf(server: Pick<TestServer, 'url'>, name: string): Promise<string | undefined> {
  return (await statusOf(server)).find((store) => store.name === name)?.state;
}

interface Operation {
  readonly operation_id: string;
  readonly state: string;
  readonly done: number;
  readonly total: number;
  readonly result: { readonly failed: number };
}

/** Begins a sync and answers with how it ended. */
export async function sync({ url }: Pick<TestServer, 'url'>, query = ''): Promise<Operation> {
  const begun = await ask(`${url}/admin/replicas/sync${query}`, { method: 'POST' });
  expect(begun.status).toBe(202);
  const path = `/admin/operations/${begun.json<{ operation_id: string }>().operation_id}`;
  expect(begun.headers['location']).toBe(path);
  let operation: Answer | undefined;
  await eventually(async () => {
    operation = await ask(`${url}${path}`);
    return operation.json<Operation>().state !== 'running';
  }, true);
  return operation!.json<Operation>();
}
