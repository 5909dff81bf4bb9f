/** What the door of replication speaks of. */
import type { Catalog } from '#libs/catalog';
import type { JobError, JobQueue } from '#libs/job-queue';
import type { Clock, ClusterId, FileId, StoreId } from '#libs/kernel';
import type { StorePeer, StorePlace } from '#libs/stores';
import type { Log } from '#libs/telemetry';
import type { Timers } from './timers.js';

export interface ReplicaStore {
  readonly storeId: StoreId;
  readonly name: string;
  readonly place: StorePlace;
  /** As boot found it. */
  readonly bound: 'online' | 'offline' | 'foreign';
}

export interface ReplicationOptions {
  readonly catalog: Catalog;
  /** Listened to by `start`, closed by `stop`. */
  readonly queue: JobQueue;
  /** The primary. */
  readonly sourceId: StoreId;
  readonly clusterId: ClusterId;
  /** In the order of the settings. */
  readonly replicas: readonly ReplicaStore[];
  readonly clock: Clock;
  readonly log: Log;
  /** Stores that the primary remembers: gives names to those that are no longer in the settings. */
  readonly peers?: readonly StorePeer[];
  /** Whether chunks of this file may be on their way out of that store; never, where it is not given. */
  readonly distrust?: (storeId: StoreId, fileId: FileId) => boolean;
  /** Told of every file that a replica has confirmed to hold. */
  readonly copied?: (storeId: StoreId, fileId: FileId) => void;
  /** Told of every write that a worker knows to be lost on a file system that may be the primary's. */
  readonly lostWrite?: (error: JobError) => void;
  readonly timers?: Timers;
  /** In [0, 1). */
  readonly random?: () => number;
}

/**
 * `degraded`: some files fail there, or the store began to fail less than 10 seconds ago. `draining`: no longer in the
 * settings, and what is known of it is being forgotten.
 */
export type ReplicaState = 'online' | 'degraded' | 'offline' | 'foreign' | 'draining';

export interface ReplicaError {
  readonly code: string;
  readonly message: string;
  readonly atMs: number;
}

export interface ReplicaStatus {
  readonly storeId: StoreId;
  readonly name: string;
  readonly location: string;
  readonly state: ReplicaState;
  /** What is owed, by what it is: copies and verifications are puts. */
  readonly obligations: { readonly put: number; readonly delete: number; readonly repair: number };
  readonly lag: { readonly files: number; readonly bytes: number; readonly oldestMs: number };
  /** It has joined, and is not owed all files yet: it lacks more than is owed. */
  readonly filling: boolean;
  readonly lastSuccessAtMs: number | undefined;
  /** The last one, also where it is over. */
  readonly lastError: ReplicaError | undefined;
}

/** How far a sync has come with what was owed when it began. */
export interface SyncProgress {
  readonly done: number;
  /** Tried and failed since; still owed. */
  readonly failed: number;
  readonly left: number;
}

export interface SyncOperation {
  readonly total: number;
  progress(): SyncProgress;
  /** Resolves when nothing is left, when nothing is handed out or answered for long, or when replication stops. */
  readonly finished: Promise<void>;
  /** Why what is left of that store was not tried; undefined where all of it was. */
  failureOf(storeId: StoreId): JobError | undefined;
  /** That nothing was handed out, or answered, to whichever store. */
  readonly standstill: JobError | undefined;
}
