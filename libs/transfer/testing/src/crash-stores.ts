/** Stores on disks of their own, in memory, on which every power cut can be looked at. */
import { CrashFileSystem } from '#libs/durable-fs/testing';
import type { DiskSnapshot } from '#libs/durable-fs/testing';
import type { ClusterId, StoreId } from '#libs/kernel';
import { DirectoryStore, initDirectoryStore } from '#libs/stores';
import type { StoreIdentity } from '#libs/stores';

export const STORE_ROOT = '/store';
export const CLUSTER_ID = 'c1057e40-0000-4000-8000-000000000001' as ClusterId;
export const SOURCE_ID = '5704e000-0000-4000-8000-00000000000a' as StoreId;
export const TARGET_ID = '5704e000-0000-4000-8000-00000000000b' as StoreId;

const initialised = new Map<StoreId, DiskSnapshot>();

export const identityOf = (storeId: StoreId): StoreIdentity => ({
  clusterId: CLUSTER_ID,
  storeId,
  name: storeId === SOURCE_ID ? 'source' : 'target',
  peers: [],
});

/** The disk of an empty store, all of it durable. */
export async function crashStore(storeId: StoreId): Promise<CrashFileSystem> {
  let snapshot = initialised.get(storeId);
  if (snapshot === undefined) {
    const disk = new CrashFileSystem();
    await initDirectoryStore(disk, STORE_ROOT, identityOf(storeId));
    snapshot = disk.snapshot();
    initialised.set(storeId, snapshot);
  }
  return new CrashFileSystem({ snapshot });
}

export function openCrashStore(fs: CrashFileSystem, storeId: StoreId): DirectoryStore {
  return new DirectoryStore(fs, STORE_ROOT, identityOf(storeId));
}
