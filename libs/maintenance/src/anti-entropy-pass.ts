/**
 * Compares what one store lists with what it must hold, both ways. The listing is read to its end, into a scratch database
 * (`StoreListing`); then the place is asked who it is, because a disk that went away lists nothing; only then is anything
 * judged. Every difference is looked at again (second-look.ts), and before anything is done about a page of them the place
 * is asked once more. What is found is owed in the catalog, so the pass may be given up anywhere.
 */
import type { StoreListing } from '#libs/catalog';
import { forEachConcurrently } from '#libs/kernel';
import type { ChunkId, FileId, StoreId } from '#libs/kernel';
import type { Stores } from '#libs/transfer';
import { Findings } from './findings.js';
import type { Pass, PassProgress } from './pass.js';
import { SecondLook } from './second-look.js';
import type { SecondLookOptions, Verdict } from './second-look.js';
import { StoreSight } from './store-sight.js';
import type { ManifestLook } from './unknown-manifests.js';

/** Rows of the catalog, or of the listing, that one step compares. */
const ROWS_PER_STEP = 200;
/** Names of a page that one step notes. */
const NAMES_PER_STEP = 200;
/** Differences that one step looks at again. */
const LOOKS_PER_STEP = 64;
const MAX_LOOKS = 4;
/** The listing's part of the pass, where nothing differs. */
const LISTING_SHARE = 0.9;

export interface AntiEntropyOptions extends SecondLookOptions {
  readonly stores: Stores;
  readonly storeId: StoreId;
  /** `look`: nothing is changed. */
  readonly mode: 'repair' | 'look';
  /** Something is owed. */
  readonly notice: () => void;
}

interface Page<Candidate, Id> {
  readonly found: readonly Candidate[];
  readonly next: Id | undefined;
}

export class AntiEntropyPass implements Pass {
  readonly storeId: StoreId;
  readonly #options: AntiEntropyOptions;
  readonly #findings = new Findings();
  readonly #work: AsyncGenerator<void, void>;
  #objects = 0;
  #share = 0;
  #unknownManifests = 0;

  constructor(options: AntiEntropyOptions) {
    this.#options = options;
    this.storeId = options.storeId;
    this.#work = this.#run();
  }

  get progress(): PassProgress {
    const { found, findings, owed } = this.#findings;
    return { objects: this.#objects, bytes: 0, found, findings, owed };
  }

  get share(): number {
    return this.#share;
  }

  async step(): Promise<'busy' | 'done'> {
    const { done } = await this.#work.next();
    if (done !== true) return 'busy';
    this.#share = 1;
    return 'done';
  }

  /** Gives it up. */
  async end(): Promise<void> {
    await this.#work.return();
  }

  async *#run(): AsyncGenerator<void, void> {
    const { stores, catalog, clock, storeId, primary } = this.#options;
    const sight = await StoreSight.open(stores, storeId);
    const role = storeId === primary.identity.storeId ? 'primary' : 'replica';
    const listing = catalog.listings.open({ storeId, role, startedAtMs: clock.now() });
    try {
      for await (const { kind, ids, share } of sight.pages()) {
        for (let first = 0; first < ids.length; first += NAMES_PER_STEP) {
          const names = ids.slice(first, first + NAMES_PER_STEP);
          listing.add(kind, names);
          this.#objects += names.length;
          yield;
        }
        this.#share = share * LISTING_SHARE;
      }
      await sight.confirm();
      // What is in a directory that was missing may come back, so what was read around it proves nothing. Who only looks is
      // not told of gaps.
      const isWhole = this.#options.mode === 'repair' && (await sight.restoreDirectories()) === 0;
      yield* this.#compare(listing, sight, isWhole ? 'proof' : 'shown');
    } finally {
      listing.drop();
    }
  }

  async *#compare(listing: StoreListing, sight: StoreSight, worth: ManifestLook['worth']): AsyncGenerator<void, void> {
    const { storeId, primary, unknownManifests } = this.#options;
    const isPrimary = storeId === primary.identity.storeId;
    const look = new SecondLook(this.#options, sight, storeId);
    const limit = ROWS_PER_STEP;
    yield* this.#judge(
      sight,
      (after: FileId | undefined) => listing.missingRecords({ after, limit }),
      ({ fileId, kind }) => (kind === 'manifest' ? look.missingManifest(fileId) : look.missingTombstone(fileId)),
    );
    if (isPrimary) {
      yield* this.#judge(
        sight,
        (after: FileId | undefined) => listing.missingTombstones({ after, limit }),
        ({ fileId }) => look.missingTombstone(fileId),
      );
    }
    yield* this.#judge(
      sight,
      (after: ChunkId | undefined) => listing.missingChunks({ after, limit }),
      (missing) => look.missingChunk(missing),
    );
    yield* this.#judge(
      sight,
      (after: FileId | undefined) => listing.strayManifests({ after, limit }),
      (fileId) => look.strayManifest(fileId),
    );
    unknownManifests.saw(storeId, { unknown: this.#unknownManifests + look.unsettledManifests, worth });
    yield* this.#judge(
      sight,
      (after: FileId | undefined) => listing.strayTombstones({ after, limit }),
      (fileId) => look.strayTombstone(fileId),
    );
    if (isPrimary) {
      yield* this.#judgeUntold(listing, sight, look);
      // Its chunks are swept by the collection.
      return;
    }
    yield* this.#judge(
      sight,
      (after: ChunkId | undefined) => listing.strayChunks({ after, limit }),
      (chunkId) => look.strayChunk(chunkId),
    );
  }

  /** Deletes from before a replica joined, of which no row was left that its filling could have seen. */
  async *#judgeUntold(listing: StoreListing, sight: StoreSight, look: SecondLook): AsyncGenerator<void, void> {
    const { catalog, replicas } = this.#options;
    for (const replicaId of replicas.storeIds) {
      // Until it is filled all of them are on their way to be ordered.
      if (!catalog.obligations.isFilled(replicaId)) continue;
      yield* this.#judge(
        sight,
        (after: FileId | undefined) => listing.untoldTombstones(replicaId, { after, limit: ROWS_PER_STEP }),
        (fileId) => look.untoldTombstone(fileId, replicaId),
      );
    }
  }

  async *#judge<Candidate, Id>(
    sight: StoreSight,
    pageBehind: (after: Id | undefined) => Page<Candidate, Id>,
    look: (candidate: Candidate) => Promise<Verdict | undefined>,
  ): AsyncGenerator<void, void> {
    for (let after: Id | undefined; ;) {
      const { found, next } = pageBehind(after);
      for (let first = 0; first < found.length; first += LOOKS_PER_STEP) {
        await this.#settle(sight, found.slice(first, first + LOOKS_PER_STEP), look);
        yield;
      }
      if (next === undefined) return;
      after = next;
      yield;
    }
  }

  async #settle<Candidate>(
    sight: StoreSight,
    candidates: readonly Candidate[],
    look: (candidate: Candidate) => Promise<Verdict | undefined>,
  ): Promise<void> {
    const verdicts: Verdict[] = [];
    await forEachConcurrently(candidates, MAX_LOOKS, async (candidate) => {
      const verdict = await look(candidate);
      if (verdict !== undefined) verdicts.push(verdict);
    });
    if (verdicts.length === 0) return;
    // What a store that has just gone away does not have is not missing.
    await sight.confirm();
    for (const { act, storeId = this.storeId, ...finding } of verdicts) {
      if (this.#options.mode === 'repair') await act?.();
      if (finding.kind === 'unknown' && finding.key.kind === 'manifest') this.#unknownManifests += 1;
      this.#findings.add({ ...finding, storeId, action: act === undefined ? 'reported' : 'owed' });
    }
    if (this.#options.mode === 'repair') this.#options.notice();
  }
}
