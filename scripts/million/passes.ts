/** The passes of a running server, begun and watched through its API. */
import { setTimeout as delay } from 'node:timers/promises';
import { httpGet } from '../bench/http-get.js';

export const PASSES = ['scrub', 'anti-entropy', 'census'] as const;
export type PassName = (typeof PASSES)[number];

/** How exactly the ends of passes are timed. */
const POLL_MS = 100;

export interface CensusAnswer {
  readonly store: string;
  readonly manifests: number;
  readonly tombstones: number;
  readonly chunks: number;
  readonly unreferenced_chunks: number;
}

export interface OperationAnswer {
  readonly state: 'running' | 'done' | 'failed';
  readonly done: number;
  readonly total: number;
  readonly result?: {
    readonly stores?: readonly { readonly name: string; readonly state: string; readonly objects: number }[];
    readonly censuses?: readonly CensusAnswer[];
    readonly equal?: boolean;
    readonly findings?: readonly object[];
  } | null;
}

type Progress = Pick<OperationAnswer, 'done' | 'total'>;

/** One look at all stores: each is compared, then each is counted; nothing is changed. A scrub reads all of them. */
export async function begin(url: string, kind: 'look' | 'scrub'): Promise<string> {
  const path = kind === 'scrub' ? '/admin/scrub' : '/admin/repair?dry_run=true';
  const answer = await fetch(`${url}${path}`, { method: 'POST' });
  if (answer.status !== 202) throw new Error(`${path} answers ${answer.status}: ${await answer.text()}`);
  return ((await answer.json()) as { operation_id: string }).operation_id;
}

export async function viewOf(url: string, operationId: string): Promise<OperationAnswer> {
  const { status, text } = await httpGet(`${url}/admin/operations/${operationId}`);
  if (status !== 200) throw new Error(`an operation answers ${status}: ${text}`);
  return JSON.parse(text) as OperationAnswer;
}

/** Resolves with the first view that is as wanted, or with the last one of the operation. */
export async function until(
  url: string,
  operationId: string,
  isWanted: (view: OperationAnswer) => boolean,
): Promise<OperationAnswer> {
  for (;;) {
    const view = await viewOf(url, operationId);
    if (view.state !== 'running' || isWanted(view)) return view;
    await delay(POLL_MS);
  }
}

/** A look at stores compares all of them first, and then counts all of them: half of its stages each. Pure. */
export const isCounting = ({ done, total }: Progress): boolean => done >= total / 2;

/** Objects in all stores together; of an operation that has ended. Pure. */
export function objectsOf({ result }: OperationAnswer): number {
  if (result?.stores !== undefined) return sum(result.stores.map(({ objects }) => objects));
  const counts = (result?.censuses ?? []).map(({ manifests, tombstones, chunks, unreferenced_chunks: garbage }) =>
    sum([manifests, tombstones, chunks, garbage]),
  );
  if (counts.length === 0) throw new Error('the operation says nothing of what it counted');
  return sum(counts);
}

/** What a store's share of a pass is divided into alike; only the first of them, the manifests, has objects here. */
const KINDS = 3;

/** How much of a look's pass is behind it, 0 to 1, where the stores hold manifests alone. Pure. */
export function shareOf(pass: Exclude<PassName, 'scrub'>, { done, total }: Progress, stores: number): number {
  const half = total / 2;
  const storesBehind = (stores * (pass === 'anti-entropy' ? done : done - half)) / half;
  const whole = Math.min(stores, Math.max(0, Math.floor(storesBehind)));
  return (whole + Math.min(1, KINDS * Math.max(0, storesBehind - whole))) / stores;
}

const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);
