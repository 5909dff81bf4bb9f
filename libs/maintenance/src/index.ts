/** Maintenance: what keeps an installation in order while it serves. */
export { CollectionTimer } from './collection-timer.js';
export { GarbageCollector } from './garbage-collector.js';
export { ReplicaGarbage } from './replica-garbage.js';
export type { ReplicaGarbageOptions } from './replica-garbage.js';
export type { GarbageCollectorOptions, StepOutcome } from './garbage-collector.js';
export { MAX_FINDINGS } from './pass.js';
export type { FullRead, ScrubRun } from './full-read.js';
export { Scrubber } from './scrubber.js';
export type { ScrubberOptions } from './scrubber.js';
export type { ScrubView } from './store-scrub.js';
export { ScrubPass } from './scrub-pass.js';
export type { ScrubPassOptions, ScrubPosition } from './scrub-pass.js';
export type { OwingReplication, ScrubContext } from './scrub-remedy.js';
export { StoreReader } from './store-reader.js';
export type { Finding, FindingKind, Pass, PassProgress } from './pass.js';
