/** Replication over a real catalog, with a queue, stores and a time that a test moves. */
import { createCatalog } from '#libs/catalog';
import type { Catalog, CatalogChange, Obligation } from '#libs/catalog';
import { nodeFileSystem } from '#libs/durable-fs';
import type { ItemOutcome, Job, JobError, JobResult } from '#libs/job-queue';
import { lsn, newFileId } from '#libs/kernel';
import type { ClusterId, FileId, LogId, StoreId } from '#libs/kernel';
import { silentLog } from '#libs/telemetry';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Replication } from '../../src/replication.js';
import type { ReplicaStore, ReplicationOptions } from '../../src/types.js';
import { FakePlace } from './fake-place.js';
import { FakeQueue } from './fake-queue.js';
import { ManualTime } from './manual-time.js';

export const CLUSTER_ID = 'c1057e40-0000-4000-8000-000000000001' as ClusterId;
export const PRIMARY = '5704e000-0000-4000-8000-000000000000' as StoreId;
export const A = '5704e000-0000-4000-8000-00000000000a' as StoreId;
export const B = '5704e000-0000-4000-8000-00000000000b' as StoreId;
const LOG = '10900000-0000-4000-8000-000000000001' as LogId;
const NAMES = new Map([
  [A, 'a'],
  [B, 'b'],
]);

export interface BenchOptions extends Pick<Partial<ReplicationOptions>, 'distrust' | 'log' | 'lostWrite' | 'random'> {
  readonly replicaIds?: readonly StoreId[];
  readonly bound?: ReplicaStore['bound'];
}

export class ReplicationBench implements AsyncDisposable {
  readonly time = new ManualTime();
  readonly catalog: Catalog;
  places: ReadonlyMap<StoreId, FakePlace> = new Map();
  replicaIds: readonly StoreId[] = [];
  queue = new FakeQueue();
  replication: Replication;
  readonly #options: BenchOptions;
  readonly #directory: string;
  #appliedLsn = 0;

  static async open(options: BenchOptions = {}): Promise<ReplicationBench> {
    const directory = await mkdtemp(join(tmpdir(), 'holdfast-replication-'));
    const path = join(directory, 'catalog.db');
    const catalog = await createCatalog(nodeFileSystem, path, CLUSTER_ID, async () => undefined);
    const bench = new ReplicationBench(catalog, { directory, options });
    await bench.#start();
    return bench;
  }

  private constructor(catalog: Catalog, { directory, options }: { directory: string; options: BenchOptions }) {
    this.catalog = catalog;
    this.#directory = directory;
    this.#options = options;
    this.setReplicas(options.replicaIds ?? [A, B]);
    this.replication = this.#make();
  }

  /** What the settings of the next start name. */
  setReplicas(storeIds: readonly StoreId[]): void {
    this.replicaIds = storeIds;
    this.places = new Map(storeIds.map((storeId) => [storeId, new FakePlace(storeId, CLUSTER_ID)]));
  }

  put(fileId: FileId = newFileId(1), fileSize = 10): FileId {
    const rest = { contentType: '', sha256: '', chunkSize: 1, chunkCount: 0, createdAtMs: 0, wait: 0 };
    const entry = { fileId, fileName: '', fileSize, ...rest, logId: LOG, lsn: lsn(1), mode: 'async' as const };
    this.#apply({ kind: 'put', entry, chunkIds: [] });
    return fileId;
  }

  remove(fileId: FileId): void {
    this.#apply({ kind: 'delete', fileId });
  }

  row(fileId: FileId, storeId: StoreId = A): Obligation | undefined {
    return this.catalog.obligations.of(fileId).find((row) => row.storeId === storeId);
  }

  /** What waits for workers now, in jobs for that store. */
  async jobs(storeId: StoreId = A): Promise<Job[]> {
    await this.time.settle();
    return [...this.queue.waiting.values()].filter(({ targetId }) => targetId === storeId);
  }

  /** Takes the only job that waits for that store. Throws where there is none, or more. */
  async takeOnly(storeId: StoreId = A): Promise<Job> {
    const jobs = await this.jobs(storeId);
    if (jobs.length !== 1) throw new Error(`${jobs.length} jobs wait`);
    this.queue.waiting.delete(jobs[0]!.jobId);
    return jobs[0]!;
  }

  async answer(result: JobResult): Promise<void> {
    await this.queue.deliver(result);
    await this.time.settle();
  }

  /** A new process over the same catalog; what waits in the queue stays there. */
  async restart(): Promise<void> {
    await this.replication.stop(1_000);
    this.queue = this.queue.reopened();
    this.replication = this.#make();
    await this.#start();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.replication.stop(0);
    await this.catalog.close();
    await rm(this.#directory, { recursive: true });
  }

  async #start(): Promise<void> {
    this.replication.start();
    await this.time.settle();
  }

  #make(): Replication {
    const { bound = 'online', log = silentLog, random = () => 0.5, distrust, lostWrite } = this.#options;
    const replicas = this.replicaIds.map((storeId) => ({
      storeId,
      name: NAMES.get(storeId) ?? storeId,
      place: this.places.get(storeId)!,
      bound,
    }));
    const stores = { catalog: this.catalog, queue: this.queue, sourceId: PRIMARY, clusterId: CLUSTER_ID, replicas };
    const time = { clock: this.time, timers: this.time, random, log };
    return new Replication({
      ...stores,
      ...time,
      ...(distrust === undefined ? {} : { distrust }),
      ...(lostWrite === undefined ? {} : { lostWrite }),
    });
  }

  #apply(change: CatalogChange): void {
    this.#appliedLsn += 1;
    const place = { logId: LOG, appliedLsn: lsn(this.#appliedLsn), replicaIds: this.replicaIds };
    this.catalog.apply({ changes: [change], ...place, nowMs: this.time.now() });
    this.replication.notice();
  }
}

/** The answer of a worker that fares so with every file of the job. */
export function resultOf(job: Job, outcome: ItemOutcome = 'done', error?: JobError): JobResult {
  const { jobId, catalogId, operation, sourceId, targetId } = job;
  const items = job.items.map(({ fileId, generation }) => ({ fileId, generation, outcome, error }));
  return { jobId, catalogId, operation, sourceId, targetId, items, finishedAtMs: 0, durationMs: 1 };
}

/** The answer of a worker that could not reach a store, the target unless said otherwise. */
export function storeFailure(job: Job, code = 'store_unreachable', storeId: StoreId = job.targetId): JobResult {
  const error = { code, message: 'The store fails.' };
  return { ...resultOf(job, 'failed', error), storeError: { ...error, storeId } };
}
