/** A primary on a disk in memory, made the way boot makes one, on which every power cut can be looked at. */
import { CrashFileSystem } from '#libs/durable-fs/testing';
import type { DiskSnapshot } from '#libs/durable-fs/testing';
import type { ChunkId, ClusterId, StoreId } from '#libs/kernel';
import { createHash } from 'node:crypto';
import { initDirectoryStore } from '../../src/directory-store.js';
import { PrimaryStore } from '../../src/primary-store.js';
import type { ObjectKey } from '../../src/store.js';
import type { StoreIdentity } from '../../src/store-identity.js';

export const STORE_PATH = '/store';

export const TEST_IDENTITY: StoreIdentity = {
  clusterId: 'c1057e40-0000-4000-8000-000000000001' as ClusterId,
  storeId: '5704e000-0000-4000-8000-000000000001' as StoreId,
  name: 'primary',
  peers: [],
};

export interface CrashPrimary {
  readonly fs: CrashFileSystem;
  readonly primary: PrimaryStore;
}

let initialised: DiskSnapshot | undefined;

/** An empty primary at `/store`, all of it durable. */
export async function crashPrimary(): Promise<CrashPrimary> {
  if (initialised === undefined) {
    const disk = new CrashFileSystem();
    await initDirectoryStore(disk, STORE_PATH, TEST_IDENTITY);
    await new PrimaryStore(disk, STORE_PATH, TEST_IDENTITY).deleted.prepare();
    initialised = disk.snapshot();
  }
  const fs = new CrashFileSystem({ snapshot: initialised });
  return { fs, primary: new PrimaryStore(fs, STORE_PATH, TEST_IDENTITY) };
}

export interface TestChunk {
  readonly key: Extract<ObjectKey, { kind: 'chunk' }>;
  readonly bytes: Buffer;
}

export function chunkOf(content: string | Buffer): TestChunk {
  const bytes = Buffer.from(content);
  return { key: { kind: 'chunk', id: createHash('sha256').update(bytes).digest('hex') as ChunkId }, bytes };
}
