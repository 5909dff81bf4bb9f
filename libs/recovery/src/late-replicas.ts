/**
 * Replicas whose place was away when they were new: whoever finds out that the place answers has it made a store here.
 * From then on the primary must know that there is one, so that the same place found empty is not filled in silence.
 */
import type { FileSystem } from '#libs/durable-fs';
import { StoreError } from '#libs/kernel';
import type { StoreId } from '#libs/kernel';
import { readIdentity, writeIdentity } from '#libs/stores';
import type { Replica } from './types.js';

export interface LateReplicasContext {
  readonly fs: FileSystem;
  /** Of the primary, which remembers its replicas. */
  readonly storagePath: string;
}

export class LateReplicas {
  readonly #context: LateReplicasContext;
  /** Rewrites of the primary's identity one after the other: each is made of what the one before left. */
  #remembering: Promise<void> = Promise.resolve();

  constructor(context: LateReplicasContext) {
    this.#context = context;
  }

  /**
   * Makes the place of a replica with `initAs` a store; for any other it does nothing. Throws what the place throws, and
   * `store_foreign` where somebody else's store stands there by now.
   */
  async make({ name, storeId, place, initAs }: Replica): Promise<void> {
    if (initAs === undefined) return;
    const found = await place.identify();
    if (found === undefined) await place.init(initAs);
    else if (found.storeId !== storeId || found.clusterId !== initAs.clusterId) {
      throw new StoreError('store_foreign', `${place.location} holds another store than the replica ${name}.`, {
        context: { store_id: storeId, actual_store_id: found.storeId, actual_cluster_id: found.clusterId },
      });
    }
    this.#remembering = this.#remembering.catch(() => undefined).then(() => this.#remember(storeId));
    await this.#remembering;
  }

  async #remember(madeId: StoreId): Promise<void> {
    const { fs, storagePath } = this.#context;
    const primary = await readIdentity(fs, storagePath);
    if (primary?.peers.some(({ storeId, unmade }) => storeId === madeId && unmade) !== true) return;
    const peers = primary.peers.map(({ unmade, ...peer }) =>
      unmade === undefined || peer.storeId === madeId ? peer : { ...peer, unmade },
    );
    await writeIdentity(fs, storagePath, { ...primary, peers });
  }
}
