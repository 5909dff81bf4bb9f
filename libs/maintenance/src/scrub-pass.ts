/**
 * The scrub of one store, from one end to the other: every chunk, manifest and tombstone is read and held against its own
 * digest. What does not hold is read once more, from a place that has just said that it is this store, before anything is
 * said of it: a read that went wrong once and an object that was replaced or deleted meanwhile are nobody's damage. What is
 * done about it is `scrub-remedy.ts`.
 *
 * Objects that are missing are not this pass's business: it reads what the store lists. But a place that goes away shows
 * nothing but missing objects, and may be back before the page ends: what was listed and is not there is looked for again,
 * between two questions of who the place is. The position stays before it until then. It may be kept, and a later pass begun
 * behind it; one object may then be read twice, and none is left out.
 */
import { StoreError } from '#libs/kernel';
import type { ChunkId, FileId, StoreId } from '#libs/kernel';
import { shardedName } from '#libs/stores';
import type { ObjectKey, ObjectKind } from '#libs/stores';
import { Findings } from './findings.js';
import type { Pass, PassProgress } from './pass.js';
import { ScrubRemedy } from './scrub-remedy.js';
import type { ScrubContext, ScrubMode } from './scrub-remedy.js';
import type { Sight, StoreReader } from './store-reader.js';

/** In this order; chunks first, because they are most of the bytes. */
const KINDS: readonly ObjectKind[] = ['chunk', 'manifest', 'tombstone'];
const OBJECTS_PER_LISTING = 512;
/** One step ends behind whichever comes first; a single object may be longer. */
const OBJECTS_PER_STEP = 32;
const BYTES_PER_STEP = 1024 * 1024;

export interface ScrubPosition {
  readonly kind: ObjectKind;
  /** The cursor of the listing behind the last object that was read; '' before the first. */
  readonly lastKey: string;
}

export interface ScrubPassOptions {
  readonly storeId: StoreId;
  /** Where an earlier pass ended; the beginning, where it is left out. */
  readonly position?: ScrubPosition;
  /** It mends, where this is left out. */
  readonly mode?: ScrubMode;
}

export class ScrubPass implements Pass {
  readonly storeId: StoreId;
  readonly #reader: StoreReader;
  readonly #remedy: ScrubRemedy;
  #position: ScrubPosition;
  /** Listed and not read yet. */
  #page: ObjectKey[] = [];
  /** Listed, and not there when they were to be read. */
  #absent: ObjectKey[] = [];
  /** Behind the last object that was read or is among these. */
  #seen: ScrubPosition;
  #isLastPage = false;
  #objects = 0;
  #bytes = 0;
  readonly #findings = new Findings();

  /** Throws `replica_not_found` where the context has no such store. */
  constructor(context: ScrubContext, { storeId, position, mode = 'repair' }: ScrubPassOptions) {
    const reader = context.readers.get(storeId);
    if (reader === undefined) throw new StoreError('replica_not_found', `There is no store ${storeId}.`);
    this.storeId = storeId;
    this.#reader = reader;
    this.#remedy = new ScrubRemedy(context, reader, mode);
    this.#position = position ?? { kind: KINDS[0]!, lastKey: '' };
    this.#seen = this.#position;
  }

  get position(): ScrubPosition {
    return this.#position;
  }

  get progress(): PassProgress {
    const { found, findings, owed } = this.#findings;
    return { objects: this.#objects, bytes: this.#bytes, found, findings, owed };
  }

  async step(): Promise<'busy' | 'done'> {
    if (this.#absent.length > 0) {
      await this.#lookForAbsent();
      return 'busy';
    }
    if (this.#page.length === 0 && (await this.#turnPage()) === 'done') return 'done';
    const startBytes = this.#bytes;
    const keys = this.#page.slice(0, OBJECTS_PER_STEP);
    // Where this throws, all of them are read again by the next step.
    const sights = this.#position.kind === 'chunk' ? [] : await this.#reader.lookAll(keys);
    for (const [index, key] of keys.entries()) {
      if (this.#bytes - startBytes >= BYTES_PER_STEP) break;
      // Where this throws the object is read again by the next step.
      await this.#scrub(key, sights[index]);
      this.#page.shift();
      this.#seen = { kind: key.kind, lastKey: shardedName(key) };
      if (this.#absent.length === 0) this.#position = this.#seen;
    }
    await this.#lookForAbsent();
    return 'busy';
  }

  /** Where this throws, the next step begins with it. */
  async #lookForAbsent(): Promise<void> {
    if (this.#absent.length === 0) return;
    await this.#reader.confirm();
    for (const key of this.#absent) {
      const now = await this.#reader.look(key);
      if (now.state === 'missing' || (isBad(now) && (await this.#judge(key)) === 'absent')) continue;
      this.#bytes += sizeOf(now);
      this.#absent = this.#absent.filter((other) => other !== key);
    }
    // It may have gone away once more.
    if (this.#absent.length > 0) await this.#reader.confirm();
    this.#absent = [];
    this.#position = this.#seen;
  }

  /** Every page asks the place anew who it is: an emptied one would be read to its end in no time, with nothing found. */
  async #turnPage(): Promise<'busy' | 'done'> {
    const { kind, lastKey } = this.#position;
    if (this.#isLastPage) {
      const next = KINDS[KINDS.indexOf(kind) + 1];
      if (next === undefined) return 'done';
      this.#position = { kind: next, lastKey: '' };
      this.#isLastPage = false;
      return 'busy';
    }
    await this.#reader.open();
    const after = lastKey === '' ? {} : { after: lastKey };
    const { ids, next } = await this.#reader.list(kind, { ...after, limit: OBJECTS_PER_LISTING });
    await this.#reader.confirm();
    this.#page = ids.map((id) => keyOf(kind, id));
    this.#isLastPage = next === undefined;
    return 'busy';
  }

  /** `seen`: where it was read together with others. Chunks are not: most of them are large. */
  async #scrub(key: ObjectKey, seen: Sight | undefined): Promise<void> {
    const first = seen ?? (await this.#reader.look(key));
    const isAbsent = first.state === 'missing' || (isBad(first) && (await this.#judge(key)) === 'absent');
    if (isAbsent) this.#absent.push(key);
    this.#objects += 1;
    this.#bytes += sizeOf(first);
  }

  async #judge(key: ObjectKey): Promise<'judged' | 'absent'> {
    const again = await this.#reader.look(key);
    if (again.state === 'missing') return 'absent';
    if (!isBad(again)) return 'judged';
    await this.#reader.confirm();
    const finding = await this.#remedy.apply(key, again);
    if (finding !== undefined) this.#findings.add(finding);
    return 'judged';
  }
}

function isBad(sight: Sight): sight is Extract<Sight, { reason: string }> {
  return sight.state === 'corrupt' || sight.state === 'unreadable';
}

function sizeOf(sight: Sight): number {
  if (sight.state === 'missing') return 0;
  return sight.state === 'whole' ? sight.bytes.length : sight.sizeBytes;
}

function keyOf(kind: ObjectKind, id: string): ObjectKey {
  return kind === 'chunk' ? { kind, id: id as ChunkId } : { kind, id: id as FileId };
}
