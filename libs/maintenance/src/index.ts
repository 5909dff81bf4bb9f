/** Maintenance: what keeps an installation in order while it serves. Now: the collection of garbage. */
export { CollectionTimer } from './collection-timer.js';
export { GarbageCollector } from './garbage-collector.js';
export { ReplicaGarbage } from './replica-garbage.js';
export type { ReplicaGarbageOptions } from './replica-garbage.js';
export type { GarbageCollectorOptions, StepOutcome } from './garbage-collector.js';
