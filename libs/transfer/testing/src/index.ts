/** What tests of transfers import, here and on the floors above; never loaded by the product. */
export { CLUSTER_ID, crashStore, openCrashStore, SOURCE_ID, STORE_ROOT, TARGET_ID } from './crash-stores.js';
export { deleteFrom, fileOf, putInto } from './test-files.js';
export type { TestFile } from './test-files.js';
export { TransferBench } from './transfer-bench.js';
export { WatchedStore } from './watched-store.js';
export type { StoreCall } from './watched-store.js';
