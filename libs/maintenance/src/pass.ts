/**
 * A long piece of work on one store, in bounded steps: requests are served between them, a stop ends it after the step
 * under way, and whatever it finds is owed in the catalog before the step resolves, so that it can be given up anywhere.
 */
import type { StoreId } from '#libs/kernel';
import type { ObjectKey } from '#libs/stores';

export interface Pass {
  readonly storeId: StoreId;
  /** One bounded piece of work; not for two callers at a time. Throws what the store throws: nothing is judged then. */
  step(): Promise<'busy' | 'done'>;
  readonly progress: PassProgress;
  /** How far it has come, 0 to 1; left out where nobody knows. */
  readonly share?: number;
}

export interface PassProgress {
  /** Objects looked at. */
  readonly objects: number;
  /** Bytes read; 0 where only names are compared. */
  readonly bytes: number;
  /** How many objects were found in each way. */
  readonly found: Readonly<Partial<Record<FindingKind, number>>>;
  /** How many of them are owed now. */
  readonly owed: number;
  /** The first of them by name, at most `MAX_FINDINGS`. */
  readonly findings: readonly Finding[];
}

/** `unknown`: it is there and nothing asks for it. `unexpected`: it is there and must not be. */
export type FindingKind = 'missing' | 'corrupt' | 'unknown' | 'unexpected';

export interface Finding {
  readonly storeId: StoreId;
  readonly key: ObjectKey;
  readonly kind: FindingKind;
  /** What was done about it: a repair, a copy or a removal is owed now, or nobody can do anything by himself. */
  readonly action: 'owed' | 'reported';
  /** Why, in one sentence. */
  readonly reason: string;
}

export const MAX_FINDINGS = 1_000;
