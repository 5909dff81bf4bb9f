/** Transfer: does the jobs that copy files to a store, and delete them there. All that a worker needs; knows no catalog. */
export { JobRunner } from './job-runner.js';
export type { JobRunnerOptions } from './job-runner.js';
export { storeFaultCode } from './store-fault.js';
export { readManifest, verifyTombstone } from './stored-frames.js';
export { StoreOpener } from './store-opener.js';
export type { StoreOpenerOptions, Stores } from './store-opener.js';
