/** Apply: what makes a committed record true in the primary and in the catalog, and what lets the log forget it. */
export { Applier } from './applier.js';
export { applyToPrimary } from './apply-batch.js';
export type { ApplyTarget } from './apply-batch.js';
export { Checkpointer } from './checkpointer.js';
export { catalogChange, effectOf, entryOf } from './record-effect.js';
