import type { Applier, Checkpointer } from '#libs/apply';
import type { Catalog, CatalogFiles } from '#libs/catalog';
import type { DirectoryLock, FileSystem, LockHolder } from '#libs/durable-fs';
import type { Clock, FileId, StoreId } from '#libs/kernel';
import type { PrimaryStore, StoreIdentity, StorePlace } from '#libs/stores';
import type { Log } from '#libs/telemetry';
import type { LogOptions, WriteAheadLog } from '#libs/wal';

/** A replica of the settings: its name there, and the place. */
export interface ReplicaPlace {
  readonly name: string;
  readonly place: StorePlace;
}

export interface BootOptions {
  readonly fs: FileSystem;
  readonly clock: Clock;
  readonly log: Log;
  readonly walPath: string;
  readonly storagePath: string;
  readonly catalogs: CatalogFiles;
  /** Takes the lock of an existing directory without waiting. Throws `directory_locked` where it is held. */
  readonly lockDirectory: (directory: string, holder: LockHolder) => DirectoryLock;
  readonly replicas: readonly ReplicaPlace[];
  readonly logOptions: LogOptions;
  readonly checkpointIntervalMs: number;
  /** Told of every file whose catalog entry changed, in the same turn as the transaction. */
  readonly changed: (fileId: FileId) => void;
}

/** A replica of the settings, bound to the store it is, as the start found it. */
export interface Replica {
  readonly storeId: StoreId;
  readonly name: string;
  readonly place: StorePlace;
  /** Where the place is, for people; without secrets. */
  readonly location: string;
  /** `offline`: the store is not there now; `foreign`: another one is, or one that may not come back unasked. */
  readonly bound: 'online' | 'offline' | 'foreign';
  /** Set where the place could not be reached and has never been a store: what to make it (`LateReplicas`) when it answers. */
  readonly initAs?: StoreIdentity;
  /**
   * Set where the store had been taken out of the settings. It is foreign until an operator adopts it, although it says that
   * it is `storeId`: it has missed every delete since.
   */
  readonly awaitsAdoption?: true;
}

export type RebuildReason =
  'missing' | 'corrupt' | 'in_doubt' | 'of_another_installation' | 'of_another_log' | 'behind_the_log';

/** What boot found and did; shown by `/ready`. */
export interface BootReport {
  readonly finishedAtMs: number;
  readonly durationMs: number;
  readonly replayedRecords: number;
  /** Uploads begun above the checkpoint that never became a file. Their chunks are orphans, as are those of older ones. */
  readonly interruptedUploads: number;
  readonly stagedFilesRemoved: number;
  readonly tornTailPath: string | undefined;
  readonly catalogRebuilt: RebuildReason | undefined;
  /** Manifests that could not be read while the catalog was rebuilt. */
  readonly damagedManifests: number;
  /** A new log was begun although the stores hold files: the old log is gone. */
  readonly logWasGone: boolean;
}

/** An installation that has recovered and holds its locks. */
export interface OpenInstallation {
  readonly wal: WriteAheadLog;
  readonly catalog: Catalog;
  readonly primary: PrimaryStore;
  readonly replicas: readonly Replica[];
  readonly applier: Applier;
  readonly checkpointer: Checkpointer;
  readonly report: BootReport;
  /** Frees the directories; the last thing a stopping process does. */
  releaseLocks(): void;
}
