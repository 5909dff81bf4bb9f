/**
 * Finds the store of an id among the places of the settings, by asking each place who it is. It asks again at every
 * opening: while a worker runs a disk can be swapped, unmounted or emptied, and what was written to the wrong one would be
 * confirmed and missing. Nothing is ever written to a place that has not just said that it is the store meant.
 */
import { StoreError } from '#libs/kernel';
import type { ClusterId, ErrorCode, StoreId } from '#libs/kernel';
import type { Store, StoreIdentity, StorePlace } from '#libs/stores';
import assert from 'node:assert/strict';
import { storeFaultCode } from './store-fault.js';

/** What a job needs of it. */
export interface Stores {
  /** Throws `store_unreachable` or `store_foreign`, or what else the place says of itself. */
  open(storeId: StoreId): Promise<Store>;
  /**
   * Asks whether a store that was opened here still stands where it was opened; one that stands elsewhere by now is not
   * the one that is written to. Throws like `open`.
   */
  confirm(store: Store): Promise<void>;
}

export interface StoreOpenerOptions {
  readonly places: readonly StorePlace[];
  readonly clusterId: ClusterId;
  /** Called once for each store, before it is given out for the first time; what it throws is nobody's failure. */
  readonly firstOpening?: (place: StorePlace) => Promise<unknown>;
}

/** What a place says of itself. */
type Finding =
  | { readonly place: StorePlace; readonly says: 'identity'; readonly identity: StoreIdentity }
  | { readonly place: StorePlace; readonly says: 'no_store' }
  | { readonly place: StorePlace; readonly says: 'error'; readonly error: unknown };

export class StoreOpener implements Stores {
  readonly #places: readonly StorePlace[];
  readonly #clusterId: ClusterId;
  readonly #firstOpening: (place: StorePlace) => Promise<unknown>;
  readonly #placeOf = new Map<StoreId, StorePlace>();
  readonly #openedAt = new WeakMap<Store, StorePlace>();

  constructor({ places, clusterId, firstOpening = async () => undefined }: StoreOpenerOptions) {
    this.#firstOpening = firstOpening;
    this.#places = places;
    this.#clusterId = clusterId;
  }

  async open(storeId: StoreId): Promise<Store> {
    const remembered = this.#placeOf.get(storeId);
    const finding = remembered === undefined ? undefined : await ask(remembered);
    if (finding !== undefined && this.#isStore(finding, storeId)) return this.#openAt(finding);
    // Not where it was: a disk may have come back under another of the paths.
    const findings = await Promise.all(this.#places.map(ask));
    const matches = findings.filter((other) => this.#isStore(other, storeId));
    const [match] = matches;
    if (match === undefined || matches.length > 1) throw this.#refusal(storeId, { before: finding, findings });
    this.#placeOf.set(storeId, match.place);
    if (remembered === undefined) await this.#firstOpening(match.place).catch(() => undefined);
    return this.#openAt(match);
  }

  async confirm(store: Store): Promise<void> {
    const { storeId } = store.identity;
    const place = this.#openedAt.get(store);
    assert(place !== undefined, 'only a store that was opened here is confirmed');
    const finding = await ask(place);
    if (!this.#isStore(finding, storeId)) throw this.#refusal(storeId, { before: finding, findings: [finding] });
  }

  #openAt({ place, identity }: Extract<Finding, { says: 'identity' }>): Store {
    const store = place.open(identity);
    this.#openedAt.set(store, place);
    return store;
  }

  #isStore(finding: Finding, storeId: StoreId): finding is Extract<Finding, { says: 'identity' }> {
    return (
      finding.says === 'identity' &&
      finding.identity.storeId === storeId &&
      finding.identity.clusterId === this.#clusterId
    );
  }

  /**
   * Why the store cannot be opened; the first line that holds:
   *
   *   two places say that they are it               foreign: one is a copy, and nobody knows which
   *   where it was before, another store stands     foreign
   *   where it was before, none stands              unreachable
   *   a place cannot be asked                       what that place says: the store may be there
   *   a place holds no store                        unreachable: it may be an unmounted one
   *   a place holds another installation's store    foreign
   *   two places say that they are one other store  foreign: the copy may stand where it should be
   *   anything else                                 unreachable
   */
  #refusal(storeId: StoreId, seen: { before: Finding | undefined; findings: readonly Finding[] }): StoreError {
    const { before, findings } = seen;
    const copies = findings.filter((finding) => this.#isStore(finding, storeId));
    if (copies.length > 1) {
      const locations = copies.map(({ place }) => place.location).join(' and ');
      return refusal('store_foreign', `${locations} say that they are the same store; one is a copy.`, storeId);
    }
    const telling = before ?? mostTelling(findings, this.#clusterId);
    if (telling === undefined) {
      return refusal('store_unreachable', `No place in the settings holds the store ${storeId}.`, storeId);
    }
    const { location } = telling.place;
    if (telling.says === 'identity') {
      return refusal('store_foreign', `At ${location} stands another store than ${storeId}.`, storeId);
    }
    if (telling.says === 'no_store') {
      return refusal('store_unreachable', `At ${location} stands no store, where ${storeId} should be.`, storeId);
    }
    const { error } = telling;
    const why = error instanceof Error ? error.message : String(error);
    return refusal(storeFaultCode(error) ?? 'store_unreachable', `${location} cannot be asked: ${why}`, storeId, error);
  }
}

function mostTelling(findings: readonly Finding[], clusterId: ClusterId): Finding | undefined {
  return (
    findings.find(({ says }) => says === 'error') ??
    findings.find(({ says }) => says === 'no_store') ??
    findings.find((finding) => finding.says === 'identity' && finding.identity.clusterId !== clusterId) ??
    findings.findLast((finding) => findings.some((other) => isSameStore(finding, other)))
  );
}

function isSameStore(one: Finding, other: Finding): boolean {
  if (one === other || one.says !== 'identity' || other.says !== 'identity') return false;
  return one.identity.storeId === other.identity.storeId;
}

async function ask(place: StorePlace): Promise<Finding> {
  try {
    const identity = await place.identify();
    return identity === undefined ? { place, says: 'no_store' } : { place, says: 'identity', identity };
  } catch (error) {
    return { place, says: 'error', error };
  }
}

function refusal(code: ErrorCode, message: string, storeId: StoreId, cause?: unknown): StoreError {
  return new StoreError(code, message, { context: { store_id: storeId }, cause });
}
