/** Client: talks to a server over HTTP. Streams in and out, tries again where that is safe, and trusts no byte unverified. */
export { HoldfastClient } from './holdfast-client.js';
export type { ClientOptions } from './holdfast-client.js';
export { ClientError } from './client-error.js';
export type { ClientCode } from './client-error.js';
export type { ByteRange, Download, DownloadOptions, Prefix } from './download.js';
export { DEFAULT_RETRY } from './retry.js';
export type { RetryPolicy, Timing } from './retry.js';
export { ServerAddress } from './server-address.js';
export type { StoredFile } from './stored-file.js';
export type { UploadOptions } from './upload.js';
export type { OpenedBody, UploadSource } from './upload-source.js';
export type {
  CollectionStatus,
  FullDisk,
  LogStatus,
  Readiness,
  ReplicasStatus,
  ScrubStatus,
  StoreStatus,
} from './server-status.js';
