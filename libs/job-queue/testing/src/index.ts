/** What tests of the queue import; never loaded by the product. */
export { doneResult, TEST_CLUSTER, testJob } from './test-jobs.js';
export type { TestJobOptions } from './test-jobs.js';
