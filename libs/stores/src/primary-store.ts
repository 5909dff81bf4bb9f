/** The primary: a directory store that also takes part in uploads (staging), in apply and in the collection of garbage. */
import type { FileSystem } from '#libs/durable-fs';
import { systemErrorCode } from '#libs/kernel';
import type { ChunkId } from '#libs/kernel';
import { AppliedObjects } from './applied-objects.js';
import { ChunkGuard } from './chunk-guard.js';
import { DeletedManifests } from './deleted-manifests.js';
import { DirectoryStore } from './directory-store.js';
import { StagingArea } from './staging-area.js';
import type { StoreIdentity } from './store-identity.js';
import { SyncDoubt } from './sync-doubt.js';

export class PrimaryStore extends DirectoryStore {
  readonly guard = new ChunkGuard();
  readonly staging: StagingArea;
  readonly applied: AppliedObjects;
  readonly deleted: DeletedManifests;
  readonly #fs: FileSystem;

  constructor(fs: FileSystem, root: string, identity: StoreIdentity) {
    const doubt = new SyncDoubt();
    super(fs, root, identity, doubt);
    this.#fs = fs;
    this.staging = new StagingArea(fs, root, { store: this, guard: this.guard, doubt });
    this.deleted = new DeletedManifests(fs, root, this);
    this.applied = new AppliedObjects(fs, root, { store: this, deleted: this.deleted, doubt });
  }

  /**
   * Removes a chunk that is garbage; answers with the bytes freed, 0 where it was not there. Without a sync: a removal
   * that a power cut takes back leaves an orphan, and the first sweep after the boot finds it. An upload that brings the
   * chunk back syncs the directory itself.
   */
  async unlinkChunk(id: ChunkId): Promise<number> {
    const key = { kind: 'chunk', id } as const;
    const sizeBytes = await this.has(key);
    if (sizeBytes === undefined) return 0;
    try {
      await this.#fs.unlink(this.pathOf(key));
      return sizeBytes;
    } catch (error) {
      if (systemErrorCode(error) === 'ENOENT') return 0;
      throw error;
    }
  }
}
