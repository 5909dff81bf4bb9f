/**
 * Whose jobs to take: the installation of the primary. A worker that starts before the first start of the server, or
 * before the primary is mounted, waits. It never makes a store: that is the server's alone.
 */
import { StoreError } from '#libs/kernel';
import type { ClusterId } from '#libs/kernel';
import type { StoreIdentity, StorePlace } from '#libs/stores';
import type { Log } from '#libs/telemetry';
import { setTimeout as sleep } from 'node:timers/promises';

const BETWEEN_LOOKS_MS = 500;
/** One line a minute of waiting. */
const LOOKS_PER_LINE = 120;
const PRIMARY_NAME = 'primary';

export async function findInstallation(primary: StorePlace, log: Log): Promise<ClusterId> {
  for (let look = 0; ; look++) {
    const identity = await lookAt(primary);
    if (identity !== undefined) return clusterOf(identity, primary.location);
    if (look % LOOKS_PER_LINE === 0) {
      log.warn({ path: primary.location }, 'there is no primary yet; waiting for the server to make it');
    }
    await sleep(BETWEEN_LOOKS_MS);
  }
}

/** A place that cannot be reached may come; one that says something wrong stays wrong. */
async function lookAt(primary: StorePlace): Promise<StoreIdentity | undefined> {
  try {
    return await primary.identify();
  } catch (error) {
    if (StoreError.is(error, 'store_unreachable')) return undefined;
    throw error;
  }
}

function clusterOf({ name, clusterId, storeId }: StoreIdentity, location: string): ClusterId {
  if (name === PRIMARY_NAME) return clusterId;
  throw new StoreError(
    'store_mismatch',
    `${location} is the replica ${name}, not the primary; are STORAGE_PATH and REPLICAS swapped?`,
    { context: { path: location, store_id: storeId } },
  );
}
