import type { WriteOperation } from './file-content.js';
import type { SeededRandom } from './seeded-random.js';
import { ZEROS, type ByteRange, type Survival } from './survival.js';

/** Disks write sectors whole; 512 bytes is the smallest in use, so every larger sector tears on these too. */
export const SECTOR_BYTES = 512;

/** Tears tried per write and kind; beyond, they are sampled. */
const TEAR_LIMIT = 8;

export interface Tear {
  readonly label: string;
  readonly survival: Survival;
}

/** A write torn at the boundaries of sectors: its first sectors only, all but one, or no data under the new size. */
export function sectorTears(operation: WriteOperation, random: SeededRandom): Tear[] {
  const sectors = sectorsOf(operation);
  const tears: Tear[] = [{ label: 'only its size', survival: ZEROS }];
  for (const count of random.sample([...sectors.keys()].slice(1), TEAR_LIMIT)) {
    const label = `only its first ${count} of ${sectors.length} sectors`;
    tears.push(...prefixTears(label, sectors.slice(0, count)));
  }
  // A hole at the end is a prefix, and the others are reordered sectors of one write.
  for (const missing of random.sample([...sectors.keys()].slice(0, -1), TEAR_LIMIT)) {
    const kept = sectors.filter((_sector, index) => index !== missing);
    tears.push({ label: `sector ${missing} of ${sectors.length} missing`, survival: { kept, growsTo: 'written' } });
  }
  return tears;
}

/** A write cut at a byte: the cut a process or a controller makes in the last thing it wrote. */
export function byteTears(operation: WriteOperation, random: SeededRandom): Tear[] {
  const length = operation.bytes.length;
  const near = [1, 4, 8, Math.floor(length / 2), length - 8, length - 1];
  const cuts = new Set([...near, ...Array.from({ length: TEAR_LIMIT / 2 }, () => random.below(length))]);
  return [...cuts]
    .filter((cut) => cut > 0 && cut < length)
    .flatMap((cut) => prefixTears(`only its first ${cut} of ${length} bytes`, [{ start: 0, end: cut }]));
}

export function randomTear(operation: WriteOperation, random: SeededRandom): Survival {
  const kept = sectorsOf(operation).filter(() => random.fraction() < 0.5);
  return { kept, growsTo: random.fraction() < 0.5 ? 'written' : 'kept' };
}

function prefixTears(label: string, kept: readonly ByteRange[]): Tear[] {
  return [
    { label, survival: { kept, growsTo: 'kept' } },
    { label: `${label}, then zeros`, survival: { kept, growsTo: 'written' } },
  ];
}

/** The parts of a write that lie in one sector of the file each. */
function sectorsOf({ offset, bytes }: WriteOperation): ByteRange[] {
  const sectors: ByteRange[] = [];
  for (let start = 0; start < bytes.length; start = sectors.at(-1)?.end ?? bytes.length) {
    const toSectorEnd = SECTOR_BYTES - ((offset + start) % SECTOR_BYTES);
    sectors.push({ start, end: Math.min(start + toSectorEnd, bytes.length) });
  }
  return sectors;
}
