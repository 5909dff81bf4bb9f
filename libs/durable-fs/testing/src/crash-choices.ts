import type { UndecidedOperation } from './disk.js';
import type { WriteOperation } from './file-content.js';
import type { SeededRandom } from './seeded-random.js';
import { KEPT, type CrashOutcome, type Survival } from './survival.js';
import { byteTears, randomTear, sectorTears, type Tear } from './torn-writes.js';

/** One way a power cut can go; `outcome` is a function because most of the choices are never looked at. */
export interface CrashChoice {
  readonly label: string;
  readonly outcome: () => CrashOutcome;
}

/** How many lost operations a label names before it only counts them. */
const NAMED_IN_LABEL = 3;

export function extremes(operations: readonly UndecidedOperation[]): CrashChoice[] {
  return [
    { label: 'everything un-synced lost', outcome: () => new Map() },
    { label: 'nothing lost', outcome: () => keeping(operations) },
  ];
}

/** Every subset of the operations; only for a handful of them. */
export function* allSubsets(operations: readonly UndecidedOperation[]): Generator<CrashChoice> {
  for (let mask = 0; mask < 2 ** operations.length; mask += 1) {
    const kept = operations.filter((_operation, index) => (mask & (1 << index)) !== 0);
    const lost = operations.filter((_operation, index) => (mask & (1 << index)) === 0);
    yield { label: `lost: ${describe(lost)}`, outcome: () => keeping(kept) };
  }
}

/**
 * The subsets that find most mistakes: a prefix (the cut of an ordered disk), all but one (the one whose sync was
 * forgotten), one alone (the one that overtook the rest), all names with a prefix of the content (a rename that
 * overtook its data) and the reverse.
 */
export function* namedSubsets(operations: readonly UndecidedOperation[]): Generator<CrashChoice> {
  const names = operations.filter(({ kind }) => kind === 'name');
  const content = operations.filter(({ kind }) => kind !== 'name');
  for (const [index, operation] of operations.entries()) {
    const { description } = operation;
    const others = operations.filter((other) => other !== operation);
    const ofOtherKind = operation.kind === 'name' ? content : names;
    const withOthers = operation.kind === 'name' ? 'all content' : 'all names';
    const before = `the first ${index} of ${operations.length} operations`;
    yield { label: `kept only ${before}, until ${description}`, outcome: () => keeping(operations.slice(0, index)) };
    yield { label: `lost: ${description}`, outcome: () => keeping(others) };
    yield { label: `kept only ${description}`, outcome: () => keeping([operation]) };
    yield { label: `kept only ${description} and ${withOthers}`, outcome: () => keeping([operation, ...ofOtherKind]) };
  }
  for (const [index, operation] of content.entries()) {
    const label = `kept all names, and content only until ${operation.description}`;
    yield { label, outcome: () => keeping([...names, ...content.slice(0, index)]) };
  }
  yield { label: 'kept all content and no name', outcome: () => keeping(content) };
}

/** Each write torn, with everything after it lost, with everything else kept, and as all the content there is. */
export function* tornWrites(operations: readonly UndecidedOperation[], random: SeededRandom): Generator<CrashChoice> {
  const names = operations.filter(({ kind }) => kind === 'name');
  const writes = operations.filter((operation) => operation.kind === 'write');
  for (const write of writes) {
    const before = operations.filter(({ sequence }) => sequence < write.sequence);
    const others = operations.filter((other) => other !== write);
    const tears = write === writes.at(-1) ? byteTears(write, random) : [];
    for (const tear of [...sectorTears(write, random), ...tears]) {
      const label = `of ${write.description} ${tear.label}`;
      yield { label: `${label}, then nothing`, outcome: () => withTear(before, write, tear) };
      yield { label: `${label}, then only names`, outcome: () => withTear([...before, ...names], write, tear) };
      yield { label: `${label}, all other content lost`, outcome: () => withTear(names, write, tear) };
      yield { label: `${label}, all else kept`, outcome: () => withTear(others, write, tear) };
    }
  }
}

/** Any operation kept, lost or torn; endless. */
export function* randomOutcomes(
  operations: readonly UndecidedOperation[],
  random: SeededRandom,
): Generator<CrashChoice> {
  for (;;) {
    const outcome = new Map<number, Survival>();
    // A bias per state: at one half for every operation, a long run of luck would never be seen.
    const keepShare = random.fraction();
    for (const operation of operations) {
      const draw = random.fraction();
      if (draw < keepShare) outcome.set(operation.sequence, KEPT);
      else if (operation.kind === 'write' && draw < keepShare + 0.2) {
        outcome.set(operation.sequence, randomTear(operation, random));
      }
    }
    const lost = operations.filter(({ sequence }) => outcome.get(sequence) !== KEPT);
    yield { label: `lost or torn at random: ${describe(lost)}`, outcome: () => outcome };
  }
}

function keeping(operations: readonly UndecidedOperation[]): CrashOutcome {
  return new Map(operations.map(({ sequence }) => [sequence, KEPT]));
}

function withTear(kept: readonly UndecidedOperation[], write: WriteOperation, tear: Tear): CrashOutcome {
  return new Map([...keeping(kept), [write.sequence, tear.survival]]);
}

function describe(operations: readonly UndecidedOperation[]): string {
  if (operations.length === 0) return 'nothing';
  const named = operations.slice(0, NAMED_IN_LABEL).map(({ description }) => description);
  const more = operations.length - named.length;
  return more > 0 ? `${named.join(', ')} and ${more} more` : named.join(', ');
}
