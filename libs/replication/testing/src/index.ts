/** Fakes of what replication stands on, and a bench that wires them. */
export { A, B, CLUSTER_ID, PRIMARY, ReplicationBench, resultOf, storeFailure } from './bench.js';
export type { BenchOptions } from './bench.js';
export { FakePlace } from './fake-place.js';
export type { Standing } from './fake-place.js';
export { FakeQueue } from './fake-queue.js';
export { ManualTime } from './manual-time.js';
