/** The file store: upload, read, list, delete and undelete files over log, catalog and primary. */
export { fileTooLarge } from './body-collector.js';
export { verifiedBody } from './digest-check.js';
export type { DigestAlgorithm, ExpectedDigest } from './digest-check.js';
export type { FullDisk } from './disk-reserve.js';
export { FileCache } from './file-cache.js';
export { FileStore } from './file-store.js';
export type { FileStoreParts } from './context.js';
export type { FileStoreOptions } from './file-store.js';
export type * from './types.js';
export { lacksCopies } from './types.js';
export type { Copies, CopyWait } from './copies.js';
