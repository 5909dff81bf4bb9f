/** What the server says of itself, checked where it enters. Members of other versions may be there or not. */
import { clientError } from './client-error.js';
import { members } from './stored-file.js';

export interface Readiness {
  readonly status: 'ready' | 'not_ready';
  readonly reasons: readonly string[];
}

/** How the scrub of a store fares. */
export interface ScrubStatus {
  readonly state?: string;
  /** Objects found corrupt in this pass. */
  readonly corrupt?: number;
  readonly last_completed_at?: number | null;
}

export interface StoreStatus {
  readonly name: string;
  readonly url: string;
  readonly state: string;
  readonly obligations: { readonly put: number; readonly delete: number; readonly repair: number };
  /** Seconds are the age of the oldest. */
  readonly lag: { readonly files: number; readonly bytes: number; readonly seconds: number };
  /** It lacks more than is owed. */
  readonly filling?: boolean;
  readonly last_success_at: number | null;
  readonly last_error: { readonly code: string; readonly message: string; readonly at: number } | null;
  readonly scrub?: ScrubStatus | null;
}

/** No store that can be asked has all of it whole. */
export interface DamagedFile {
  readonly file_id: string;
  readonly file_name: string;
}

export interface FullDisk {
  readonly path: string;
  readonly lacks: string;
  readonly free: number;
  readonly reserved: number;
}

/** A store that was not yet seen, since the catalog was rebuilt, to hold no manifest that it does not know. */
export interface AwaitedLook {
  readonly store: string;
  /** `null`: it was not seen whole yet. */
  readonly unknown_manifests: number | null;
}

export interface CollectionStatus {
  readonly held_by: readonly string[];
  /** Left out by a server of an older version. */
  readonly awaited?: readonly AwaitedLook[];
}

export interface ReplicasStatus {
  readonly stores: readonly StoreStatus[];
  readonly queue: { readonly kind: string; readonly state: string; readonly last_error: string | null };
  readonly collection?: CollectionStatus;
  readonly primary?: StoreStatus;
  /** For whose sake uploads are refused. */
  readonly full_disks?: readonly FullDisk[];
  /** The first of them; a server tells a hundred at most. */
  readonly damaged?: readonly DamagedFile[];
}

export interface LogStatus {
  readonly segments: readonly { readonly size_bytes: number }[];
  readonly committed_lsn: number;
  readonly applied_lsn: number;
  readonly checkpoint_lsn: number;
}

/** Throws `invalid_answer`. */
export function readiness(answer: unknown): Readiness {
  const { status, reasons, code } = members(answer);
  // A server that is still recovering may say so as a problem.
  if (typeof code === 'string') return { status: 'not_ready', reasons: [code] };
  if ((status !== 'ready' && status !== 'not_ready') || !Array.isArray(reasons)) {
    throw notOurs('it does not say whether it is ready');
  }
  return answer as Readiness;
}

/** Throws `invalid_answer`. */
export function replicasStatus(answer: unknown): ReplicasStatus {
  const { stores, queue } = members(answer);
  if (!Array.isArray(stores) || typeof queue !== 'object') throw notOurs('it does not list stores');
  for (const store of stores) {
    const { name, state, obligations, lag } = members(store);
    const isSound = typeof name === 'string' && typeof state === 'string' && lag !== null && obligations !== null;
    if (!isSound || typeof lag !== 'object' || typeof obligations !== 'object') throw notOurs('a store has no state');
  }
  return answer as ReplicasStatus;
}

/** Throws `invalid_answer`. */
export function logStatus(answer: unknown): LogStatus {
  const { segments, committed_lsn: committed } = members(answer);
  if (!Array.isArray(segments) || typeof committed !== 'number') throw notOurs('it does not describe a log');
  return answer as LogStatus;
}

function notOurs(reason: string) {
  return clientError('invalid_answer', `The answer is not one of a Holdfast server: ${reason}.`);
}
