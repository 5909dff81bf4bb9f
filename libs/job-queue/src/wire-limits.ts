import { MAX_JOB_ITEMS } from './job.js';

/** An item with the longest error that is sent, and some more for the frame around all of them. */
export const MAX_RESULT_JSON_BYTES = MAX_JOB_ITEMS * 4 * 1024;
