/** Kernel: ids, errors, clock, bounded pools, and the codec of frames and manifests. Knows no file and no network. */
export * from './backoff.js';
export * from './byte-budget.js';
export * from './checksum.js';
export * from './clock.js';
export * from './concurrency.js';
export * from './exit-code.js';
export * from './file-name.js';
export * from './frame.js';
export * from './ids.js';
export * from './manifest.js';
export * from './page-aligned.js';
export * from './record.js';
export * from './sha256.js';
export * from './store-error.js';
export * from './turns.js';
