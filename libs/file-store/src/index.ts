/** The file store: upload, read, list and delete files over log, catalog and primary. */
export { EntryCache } from './entry-cache.js';
export { FileStore } from './file-store.js';
export type { FileStoreOptions, FileStoreParts } from './file-store.js';
export type * from './types.js';
