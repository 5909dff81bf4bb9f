/** A source and a target on disks in memory, and runners between them whose every call can be watched. */
import type { CrashFileSystem } from '#libs/durable-fs/testing';
import type { CatalogId, StoreId } from '#libs/kernel';
import { StoreError } from '#libs/kernel';
import type { Job, JobItem, JobOperation, JobResult } from '#libs/job-queue';
import type { DirectoryStore, Store } from '#libs/stores';
import { JobRunner } from '../../src/job-runner.js';
import type { Stores } from '../../src/store-opener.js';
import { CLUSTER_ID, crashStore, openCrashStore, SOURCE_ID, TARGET_ID } from './crash-stores.js';
import type { TestFile } from './test-files.js';
import { WatchedStore } from './watched-store.js';
import type { StoreCall } from './watched-store.js';

const CATALOG_ID = 'ca7a1060-0000-4000-8000-000000000001' as CatalogId;

/** One worker, as far as a test looks into it. */
export interface Watch {
  before?(call: StoreCall): Promise<void>;
  after?(call: StoreCall): Promise<void>;
  /** Before a store is asked who it is. */
  opening?(storeId: StoreId): void;
}

export class TransferBench {
  readonly sourceDisk: CrashFileSystem;
  readonly targetDisk: CrashFileSystem;
  readonly source: DirectoryStore;
  readonly target: DirectoryStore;
  nowMs = 1_000;

  constructor(disks: { source: CrashFileSystem; target: CrashFileSystem }) {
    this.sourceDisk = disks.source;
    this.targetDisk = disks.target;
    this.source = openCrashStore(disks.source, SOURCE_ID);
    this.target = openCrashStore(disks.target, TARGET_ID);
  }

  static async make(): Promise<TransferBench> {
    return new TransferBench({ source: await crashStore(SOURCE_ID), target: await crashStore(TARGET_ID) });
  }

  /** The stores of a worker of its own. */
  stores(watch: Watch = {}): Stores {
    const open = async (storeId: StoreId): Promise<Store> => {
      watch.opening?.(storeId);
      const store = [this.source, this.target].find(({ identity }) => identity.storeId === storeId);
      if (store === undefined) throw new StoreError('store_unreachable', 'There is no such store.');
      return new WatchedStore(store, {
        ...(watch.before === undefined ? {} : { before: (call: StoreCall) => watch.before!(call) }),
        ...(watch.after === undefined ? {} : { after: (call: StoreCall) => watch.after!(call) }),
      });
    };
    const confirm = async ({ identity }: Store): Promise<void> => watch.opening?.(identity.storeId);
    return { open, confirm };
  }

  job(
    operation: JobOperation,
    files: readonly TestFile[],
    changes: Partial<Job & Pick<JobItem, 'distrustChunks'>> = {},
  ) {
    const { distrustChunks, ...ofJob } = changes;
    const job: Job = {
      jobId: 'job',
      clusterId: CLUSTER_ID,
      catalogId: CATALOG_ID,
      operation,
      sourceId: SOURCE_ID,
      targetId: TARGET_ID,
      deadlineMs: 60_000,
      items: files.map(({ fileId, sizeBytes }, index) => ({
        fileId,
        generation: index + 1,
        sizeBytes,
        ...(distrustChunks === undefined ? {} : { distrustChunks }),
      })),
      ...ofJob,
    };
    return job;
  }

  /** Does the job in a worker of its own. */
  run(job: Job, { watch, signal }: { watch?: Watch; signal?: AbortSignal } = {}): Promise<JobResult> {
    const runner = new JobRunner({ stores: this.stores(watch), clock: { now: () => this.nowMs } });
    return runner.run(job, signal ?? new AbortController().signal);
  }

  copy(...files: readonly TestFile[]): Promise<JobResult> {
    return this.run(this.job('copy', files));
  }

  delete(...files: readonly TestFile[]): Promise<JobResult> {
    return this.run(this.job('delete', files));
  }
}
