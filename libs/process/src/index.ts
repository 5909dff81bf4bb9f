/** What every long-running process of the product has: its log, its way to refuse a start, its way to stop. */
export { openProcessLog } from './process-log.js';
export type { ProcessLog } from './process-log.js';
export { Interrupted, refusalOf, refuse } from './refusal.js';
export type { Refusal } from './refusal.js';
export { runStopPhases } from './shutdown.js';
export type { StopOutcome, StopPhase } from './shutdown.js';
export { SAME_WISH_MS, watchStopSignals } from './stop-signals.js';
export type { StopSignals } from './stop-signals.js';
