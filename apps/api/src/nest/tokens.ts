/** Tokens for what is no class. What they stand for is written beside each. */

/** `Settings` of #libs/config. */
export const SETTINGS = Symbol('Settings');

/** `Log` of #libs/telemetry. */
export const LOG = Symbol('Log');

/** `OpenInstallation` of #libs/recovery. */
export const OPEN_INSTALLATION = Symbol('OpenInstallation');

/** `readonly Replica[]` of #libs/recovery, whose places make stores of themselves where they were away at the start. */
export const REPLICAS = Symbol('Replicas');
