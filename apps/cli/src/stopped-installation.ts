/** The directories of the settings, for commands on a stopped server. */
import { catalogLook } from '#libs/catalog';
import { findPackage, parseSettings } from '#libs/config';
import { acquireDirectoryLock, nodeFileSystem } from '#libs/durable-fs';
import { systemClock } from '#libs/kernel';
import type { StoppedOptions } from '#libs/recovery';
import { storePlaceOf } from '#libs/stores';
import { stderrLog } from './terminal.js';

/** Nothing is appended by a command, so nothing waits for room. */
const NO_WAIT_MS = 0;

/** Throws `setting_invalid`. */
export function stoppedInstallation(): StoppedOptions {
  const settings = parseSettings(process.env, findPackage(import.meta.dirname).root);
  return {
    fs: nodeFileSystem,
    clock: systemClock,
    log: stderrLog,
    walPath: settings.walPath,
    storagePath: settings.storagePath,
    replicas: settings.replicas.map((location) => ({
      name: location.name,
      place: storePlaceOf(location, { fs: nodeFileSystem, access: settings }),
    })),
    lockDirectory: acquireDirectoryLock,
    lookIntoCatalog: catalogLook(nodeFileSystem, settings.catalogPath),
    logOptions: {
      segmentSizeBytes: settings.walSegmentSizeBytes,
      limits: {
        maxSizeBytes: settings.walMaxSizeBytes,
        retainSegments: settings.walRetainSegments,
        fullWaitMs: NO_WAIT_MS,
      },
    },
  };
}
