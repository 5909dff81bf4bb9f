/** A directory of a local file system, or one mounted as such, as the place of a store. */
import type { FileSystem } from '#libs/durable-fs';
import { DirectoryStore, initDirectoryStore } from './directory-store.js';
import type { StoreIdentity } from './store-identity.js';
import { readIdentity } from './store-identity.js';
import type { StorePlace } from './store-place.js';

export class DirectoryPlace implements StorePlace {
  readonly location: string;
  readonly #fs: FileSystem;

  constructor(fs: FileSystem, path: string) {
    this.#fs = fs;
    this.location = path;
  }

  identify(): Promise<StoreIdentity | undefined> {
    return readIdentity(this.#fs, this.location);
  }

  init(identity: StoreIdentity): Promise<void> {
    return initDirectoryStore(this.#fs, this.location, identity);
  }

  open(identity: StoreIdentity): DirectoryStore {
    return new DirectoryStore(this.#fs, this.location, identity);
  }
}
