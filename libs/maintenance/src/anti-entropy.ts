/** Makes the passes of anti-entropy: one for each store of the installation, the primary first. */
import type { StoreId } from '#libs/kernel';
import { AntiEntropyPass } from './anti-entropy-pass.js';
import type { AntiEntropyOptions } from './anti-entropy-pass.js';
import { UnknownManifests } from './unknown-manifests.js';
import type { AwaitedStore } from './unknown-manifests.js';

export interface AntiEntropyParts extends Omit<
  AntiEntropyOptions,
  'storeId' | 'mode' | 'unknownManifests' | 'replicas'
> {
  readonly replicaIds: readonly StoreId[];
  /** Replicas that await adoption: nobody compares them, and so nobody knows which manifests they have. */
  readonly foreignIds?: readonly StoreId[];
}

export class AntiEntropy {
  /** The primary first: what replicas lack is put from there. */
  readonly storeIds: readonly StoreId[];
  readonly #parts: AntiEntropyParts;
  readonly #unknownManifests: UnknownManifests;

  constructor(parts: AntiEntropyParts) {
    this.#parts = parts;
    this.storeIds = [parts.primary.identity.storeId, ...parts.replicaIds];
    this.#unknownManifests = new UnknownManifests(
      [...this.storeIds, ...(parts.foreignIds ?? [])],
      parts.catalog.garbage,
    );
  }

  /** Stores that must be seen to have no manifest of an unknown file before anything is collected. */
  get awaited(): readonly AwaitedStore[] {
    return this.#unknownManifests.awaited;
  }

  pass(storeId: StoreId, mode: AntiEntropyOptions['mode']): AntiEntropyPass {
    const { stores, replicaIds } = this.#parts;
    const replicas = { stores, storeIds: replicaIds };
    return new AntiEntropyPass({ ...this.#parts, storeId, mode, unknownManifests: this.#unknownManifests, replicas });
  }
}
