import { hash } from 'node:crypto';
import { allSubsets, extremes, namedSubsets, randomOutcomes, tornWrites, type CrashChoice } from './crash-choices.js';
import { CrashFileSystem, type DiskSnapshot } from './crash-file-system.js';
import type { Disk, UndecidedOperation } from './disk.js';
import { SeededRandom } from './seeded-random.js';

export interface CrashState {
  /** What was lost, short enough for a test's failure message. */
  readonly label: string;
  /** The machine after the reboot: everything on its disk is durable. */
  readonly fileSystem: CrashFileSystem;
  /** Equal for disks that no process could tell apart. */
  readonly digest: string;
}

export interface CrashStatesOptions {
  /** The most states to give; the work per snapshot is bounded by it. */
  readonly limit?: number;
  readonly seed?: number;
}

const DEFAULT_LIMIT = 200;
/** After so many random choices in a row that led to no new disk there are hardly new ones. */
const FRUITLESS_LIMIT = 40;

/**
 * The disks that a power cut at the snapshot can leave, each once, at most `limit`: everything lost, nothing lost, all
 * subsets of the un-synced operations where they are few and the telling ones where not, each write torn, and seeded
 * random outcomes to fill up. The same seed gives the same states.
 */
export function* crashStates(snapshot: DiskSnapshot, options: CrashStatesOptions = {}): Generator<CrashState> {
  const limit = options.limit ?? DEFAULT_LIMIT;
  const random = new SeededRandom(options.seed ?? 1);
  const seenOutcomes = new Set<string>();
  const seenDisks = new Set<string>();
  let fruitless = 0;
  for (const { label, outcome, isRandom } of choices(snapshot.disk.undecided(), limit, random)) {
    if (seenDisks.size >= limit || fruitless >= FRUITLESS_LIMIT) return;
    if (isRandom) fruitless += 1;
    // Two outcomes often come to one disk, but to compare outcomes first spares most of the work.
    const chosen = outcome();
    if (!addIfNew(seenOutcomes, JSON.stringify([...chosen].sort(([left], [right]) => left - right)))) continue;
    const disk = snapshot.disk.afterCrash(chosen);
    const digest = digestOf(disk);
    if (!addIfNew(seenDisks, digest)) continue;
    fruitless = 0;
    yield { label, digest, fileSystem: new CrashFileSystem({ snapshot: { disk } }) };
  }
}

function* choices(
  operations: readonly UndecidedOperation[],
  limit: number,
  random: SeededRandom,
): Generator<CrashChoice & { readonly isRandom?: true }> {
  yield* extremes(operations);
  if (operations.length === 0) return;
  // Half of the states are left for tears.
  const areFew = 2 ** operations.length <= limit / 2;
  const planned = [...(areFew ? allSubsets(operations) : namedSubsets(operations)), ...tornWrites(operations, random)];
  yield* areFew ? planned : random.sample(planned, limit);
  for (const choice of randomOutcomes(operations, random)) yield { ...choice, isRandom: true };
}

function addIfNew(seen: Set<string>, key: string): boolean {
  const sizeBefore = seen.size;
  return seen.add(key).size > sizeBefore;
}

function digestOf(disk: Disk): string {
  const lines = [...disk.walk()].map(({ path, inode }) => {
    const bytes = disk.content(inode);
    return `${path}\0${bytes === undefined ? 'directory' : bytes.digest()}`;
  });
  return hash('sha256', lines.join('\n'));
}
