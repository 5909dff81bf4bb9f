/** What tests of stores import, here and on the floors above; never loaded by the product. */
export { chunkOf, crashPrimary, STORE_PATH, TEST_IDENTITY } from './crash-primary.js';
export type { CrashPrimary, TestChunk } from './crash-primary.js';
export { FAKE_S3_ACCESS, FakeS3 } from './fake-s3.js';
export type { S3Fault } from './fake-s3.js';
export { setAsideInBucket } from './set-aside-in-bucket.js';
export { storeContract } from './store-contract.js';
export type { StoreUnderTest } from './store-contract.js';
