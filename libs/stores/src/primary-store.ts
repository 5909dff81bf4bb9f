/** The primary: a directory store that also takes part in uploads (staging) and in apply (writes the log still backs). */
import type { FileSystem } from '#libs/durable-fs';
import { AppliedObjects } from './applied-objects.js';
import { DirectoryStore } from './directory-store.js';
import { StagingArea } from './staging-area.js';
import type { StoreIdentity } from './store-identity.js';

export class PrimaryStore extends DirectoryStore {
  readonly staging: StagingArea;
  readonly applied: AppliedObjects;

  constructor(fs: FileSystem, root: string, identity: StoreIdentity) {
    super(fs, root, identity);
    this.staging = new StagingArea(fs, root, this);
    this.applied = new AppliedObjects(fs, root, this);
  }
}
