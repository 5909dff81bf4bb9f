/** What tests of maintenance import; never loaded by the product. */
export { ScrubBench } from './scrub-bench.js';
