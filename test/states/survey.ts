/**
 * Looks at every cut of a life: each disk that the cut could leave, with each of the catalogs it could leave, is booted and
 * held against the promises made before the cut; then it takes new writes, is cut again, and must keep those too.
 */
import type { CatalogImage } from '#libs/catalog/testing';
import { ModelledCatalogs } from '#libs/catalog/testing';
import { CrashFileSystem, crashStates } from '#libs/durable-fs/testing';
import type { CrashState } from '#libs/durable-fs/testing';
import { createHash } from 'node:crypto';
import type { Ledger } from './ledger.js';
import type { Cut } from './life.js';
import { CHUNK_SIZE, collectGarbage, seeReplicas, start, TestClock } from './machine.js';
import type { Machine, StartOptions } from './machine.js';
import { assertNoGarbage, assertNothingMended, assertPromisesKept } from './promises.js';

/** Disks looked at per cut; each with up to three catalogs. */
export const STATES_PER_CUT = Number(process.env['CRASH_STATES_PER_CUT'] ?? '4');

/** For lives that are looked at beside the main ones. */
export const FEW_STATES_PER_CUT = Math.ceil(STATES_PER_CUT / 2);

/** A survey takes as long as there are states; `npm run test:crash` asks for many. */
export const LIFE_TIMEOUT = { timeout: 60 * 60_000 };

/** Of the second cut: all lost, nothing lost, and others to choose one from. */
const SECOND_STATES = 4;

export interface Survey {
  readonly cuts: number;
  /** Different pairs of a disk and a catalog that a power cut could leave. */
  readonly states: number;
  /** How often an installation was booted from one and held against promises; the same state is, under other promises. */
  readonly boots: number;
}

export interface SurveyOptions extends StartOptions {
  /** Disks looked at per cut. */
  readonly statesPerCut?: number;
  /** Where more than the power was lost: boot may have to rebuild the catalog, and collections are then held. */
  readonly damage?: 'none' | 'log or catalog lost';
}

/** Throws at the first state that breaks a promise, saying how to find it again. */
export async function survey(cuts: readonly Cut[], options: SurveyOptions = {}): Promise<Survey> {
  const states = new Set<string>();
  const looked = new Set<string>();
  let boots = 0;
  for (const [index, cut] of cuts.entries()) {
    for (const { label, digest, fileSystem, image } of statesOf(cut, index, options)) {
      const state = `${digest} ${imageDigest(image)}`;
      const isNew = !states.has(state);
      states.add(state);
      // The same state with the same promises was looked at behind the operation before.
      const question = `${state} ${cut.ledger.version}`;
      if (looked.has(question)) continue;
      looked.add(question);
      const machine = { fs: fileSystem, catalogs: new ModelledCatalogs(image), clock: new TestClock(cut.nowMs) };
      const where = `${cut.where}, seed ${index}: ${label}, catalog ${cut.images.indexOf(image) + 1} of ${cut.images.length}`;
      await at(where, () => survive(machine, cut.ledger.copy(), { seed: index, options, isNew }));
      boots += isNew ? 2 : 1;
    }
    const killed = {
      fs: new CrashFileSystem({ snapshot: cut.disk }),
      catalogs: ModelledCatalogs.afterKill(cut.images),
      clock: new TestClock(cut.nowMs),
    };
    const where = `${cut.where}, seed ${index}: the process was killed`;
    await at(where, () => survive(killed, cut.ledger.copy(), { seed: index, options, isNew: true }));
    boots += 2;
  }
  return { cuts: cuts.length, states: states.size, boots };
}

interface StateOfCut extends CrashState {
  readonly image: CatalogImage;
}

function* statesOf({ disk, images }: Cut, seed: number, options: SurveyOptions): Generator<StateOfCut> {
  const between = images[(seed * 7) % images.length];
  const [first, ...others] = new Set([images[0], images.at(-1), between]);
  for (const state of crashStates(disk, { limit: options.statesPerCut ?? STATES_PER_CUT, seed })) {
    // Booting changes a disk, so each further catalog gets its own.
    const snapshot = others.length > 0 ? state.fileSystem.snapshot() : undefined;
    yield { ...state, image: first };
    for (const image of others) yield { ...state, fileSystem: new CrashFileSystem({ snapshot: snapshot! }), image };
  }
}

interface Survival {
  readonly seed: number;
  readonly options: SurveyOptions;
  /** A state seen before under other promises needs no second life. */
  readonly isNew: boolean;
}

/** Recovers, is held against its promises, writes, collects, is cut again and must keep all of it. */
async function survive(machine: Machine, ledger: Ledger, { seed, options, isNew }: Survival): Promise<void> {
  const recovered = await start(machine, options);
  ledger.settle(await assertPromisesKept(machine, recovered, ledger));
  const isUndamaged = (options.damage ?? 'none') === 'none';
  if (isUndamaged) assertNothingMended(recovered);
  if (!isNew) return recovered.abandon();
  const [oldest] = ledger.kept.keys();
  await succeeds(ledger.upload(recovered.files, 'after the cut, small', bytesOf('small', 90)));
  await succeeds(ledger.upload(recovered.files, 'after the cut, large', bytesOf('large', 2 * CHUNK_SIZE + 7)));
  if (oldest !== undefined) await succeeds(ledger.delete(recovered.files, oldest));
  seeReplicas(recovered);
  if (isUndamaged || recovered.collector.holds.length === 0) {
    await collectGarbage(machine, recovered);
    await assertNoGarbage(recovered, ledger.kept.values());
  }
  const images = machine.catalogs.images();
  const image = images[seed % images.length];
  const [lost, ...others] = crashStates(machine.fs.snapshot(), { limit: SECOND_STATES, seed });
  await recovered.abandon();
  const { label, fileSystem } = seed % 2 === 0 ? lost! : (others.at(-1) ?? lost!);
  const next = { fs: fileSystem, catalogs: new ModelledCatalogs(image), clock: machine.clock };
  await at(`then a second cut: ${label}, catalog ${images.indexOf(image) + 1} of ${images.length}`, async () => {
    const again = await start(next, options);
    await assertPromisesKept(next, again, ledger);
    if (isUndamaged) assertNothingMended(again);
    await again.abandon();
  });
}

/** Puts where it happened before what happened. */
async function at(where: string, look: () => Promise<void>): Promise<void> {
  try {
    await look();
  } catch (cause) {
    throw new Error(`${where}: ${cause instanceof Error ? cause.message : String(cause)}`, { cause });
  }
}

async function succeeds(outcome: Promise<unknown>): Promise<void> {
  const answer = await outcome;
  if (answer instanceof Error) throw answer;
}

/** Prints what was looked at; answers with the count of distinct states, which must not quietly become less. */
export function printStates(what: string, { cuts, states, boots }: Survey): number {
  console.log(`crash states: ${states} distinct of ${what} (${cuts} cuts, ${boots} boots)`);
  return states;
}

/** The same bytes for the same name, on every run. */
export function bytesOf(name: string, count: number): Buffer {
  const bytes = Buffer.alloc(count);
  for (let at = 0, block = 0; at < count; block += 1) {
    at += createHash('sha256').update(`${name} ${block}`).digest().copy(bytes, at);
  }
  return bytes;
}

const imageDigests = new WeakMap<Buffer, string>();

function imageDigest(image: CatalogImage): string {
  if (image === undefined) return 'none';
  const known = imageDigests.get(image);
  if (known !== undefined) return known;
  const digest = createHash('sha256').update(image).digest('hex');
  imageDigests.set(image, digest);
  return digest;
}
