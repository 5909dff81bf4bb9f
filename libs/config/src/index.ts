/** Settings from the environment: read once, frozen, each with its rule and its sentence in one table. */
export { isLoopbackHost } from './address.js';
export type { ApiKey } from './api-key.js';
export type { DirectoryLocation, ReplicaLocation, S3Location } from './location.js';
export { parseLocation } from './location.js';
export { findPackage } from './package-root.js';
export type { Package } from './package-root.js';
export { s3LocationText } from './s3-location.js';
export { parseSettings } from './settings.js';
export { renderSettingsTable } from './settings-document.js';
export type { LogLevel, ReplicationMode, ReplicationWait, S3Access, Settings, WorkerPlace } from './settings-table.js';
