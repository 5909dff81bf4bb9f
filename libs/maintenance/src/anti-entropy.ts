/** Makes the passes of anti-entropy: one for each store of the installation, the primary first. */
import type { StoreId } from '#libs/kernel';
import { AntiEntropyPass } from './anti-entropy-pass.js';
import type { AntiEntropyOptions } from './anti-entropy-pass.js';
import { UnknownManifests } from './unknown-manifests.js';

export interface AntiEntropyParts extends Omit<
  AntiEntropyOptions,
  'storeId' | 'mode' | 'unknownManifests' | 'replicas'
> {
  readonly replicaIds: readonly StoreId[];
}

export class AntiEntropy {
  /** The primary first: what replicas lack is put from there. */
  readonly storeIds: readonly StoreId[];
  readonly #parts: AntiEntropyParts;
  readonly #unknownManifests: UnknownManifests;

  constructor(parts: AntiEntropyParts) {
    this.#parts = parts;
    this.storeIds = [parts.primary.identity.storeId, ...parts.replicaIds];
    this.#unknownManifests = new UnknownManifests(this.storeIds);
  }

  pass(storeId: StoreId, mode: AntiEntropyOptions['mode']): AntiEntropyPass {
    const { stores, replicaIds } = this.#parts;
    const replicas = { stores, storeIds: replicaIds };
    return new AntiEntropyPass({ ...this.#parts, storeId, mode, unknownManifests: this.#unknownManifests, replicas });
  }
}
