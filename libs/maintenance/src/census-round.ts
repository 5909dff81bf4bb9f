/** Counts the stores, one after another, and compares each replica with the primary. */
import type { Catalog } from '#libs/catalog';
import type { StoreId } from '#libs/kernel';
import type { Stores } from '#libs/transfer';
import { CensusTaker } from './census.js';
import type { Census, CensusDepth } from './census.js';
import { differences } from './census-comparison.js';
import type { ComparedStores, CountedStore, Difference } from './census-comparison.js';
import { Courtesy } from './give-way.js';
import { MAX_FINDINGS } from './pass.js';
import { StoreSight } from './store-sight.js';

export interface CensusRound {
  readonly catalog: Catalog;
  readonly stores: Stores;
  readonly primaryId: StoreId;
  readonly storeIds: readonly StoreId[];
  readonly depth: CensusDepth;
  readonly isOld: ComparedStores['isOld'];
  readonly isStopped: () => boolean;
  /** Told at the beginning of each store how to ask how far it has come. */
  readonly counting: (storeId: StoreId, share: () => number) => void;
}

export interface CensusOutcome {
  readonly censuses: readonly Census[];
  /** Stores that could not be counted, or compared, with why. */
  readonly failures: ReadonlyMap<StoreId, string>;
  readonly differing: number;
  /** The first of them. */
  readonly differences: readonly Difference[];
  readonly inMotion: number;
}

/** The primary is counted also where only a replica was chosen: there is nothing else to compare with. */
export async function takeCensuses(round: CensusRound): Promise<CensusOutcome> {
  const { primaryId, storeIds } = round;
  const counted = new Map<StoreId, CountedStore>();
  const failures = new Map<StoreId, string>();
  const outcome = { differing: 0, differences: [] as Difference[], inMotion: 0 };
  for (const storeId of new Set([primaryId, ...storeIds])) {
    await attempt(failures, storeId, async () => {
      const store = await count(round, storeId);
      if (store === undefined) return;
      counted.set(storeId, store);
      const primary = counted.get(primaryId);
      if (primary === undefined || storeId === primaryId) return;
      const courtesy = new Courtesy();
      const { catalog, isOld } = round;
      for await (const found of differences({ primary, replica: store, catalog, isOld })) {
        for (const difference of found) note(outcome, difference);
        await courtesy.giveWay();
      }
      await store.sight.confirm();
    });
  }
  return { censuses: [...counted.values()].map(({ census }) => census), failures, ...outcome };
}

async function count(round: CensusRound, storeId: StoreId): Promise<CountedStore | undefined> {
  const { stores, depth, catalog, counting, isStopped } = round;
  const sight = await StoreSight.open(stores, storeId);
  const isReferenced = catalog.garbage.isReferenced.bind(catalog.garbage);
  const taker = new CensusTaker({ storeId, sight, depth, isReferenced });
  counting(storeId, () => taker.share);
  const courtesy = new Courtesy();
  for (let outcome = await taker.step(); outcome === 'busy'; outcome = await taker.step()) {
    if (isStopped()) return undefined;
    await courtesy.giveWay();
  }
  return { sight, census: taker.census() };
}

function note(
  outcome: { differing: number; differences: Difference[]; inMotion: number },
  difference: Difference,
): void {
  if (difference.kind === 'in_motion') {
    outcome.inMotion += 1;
    return;
  }
  outcome.differing += 1;
  if (outcome.differences.length < MAX_FINDINGS) outcome.differences.push(difference);
}

async function attempt(failures: Map<StoreId, string>, storeId: StoreId, work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (error) {
    failures.set(storeId, error instanceof Error ? error.message : String(error));
  }
}
