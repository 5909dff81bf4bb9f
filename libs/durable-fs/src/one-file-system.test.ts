import { expect, it } from 'vitest';
import { mayBeOneFileSystem } from './one-file-system.js';

/** As `stat` shows it: the low 8 bits of the minor number, 12 of the major one, 12 more of the minor one. */
const device = (major: number, minor: number): number =>
  (minor % 256) + major * 2 ** 8 + Math.floor(minor / 256) * 2 ** 20;

it.each([
  ['one disk', device(8, 1), device(8, 1), true],
  ['two partitions', device(8, 1), device(8, 2), false],
  ['two disks with numbers above 255', device(259, 300), device(259, 44), false],
  ['two subvolumes of a btrfs, or two others without a disk', device(0, 41), device(0, 300), true],
  ['a disk and what has none', device(8, 1), device(0, 41), false],
])('%s', (_name, one, other, expected) => {
  expect(mayBeOneFileSystem({ device: one, other })).toBe(expected);
  expect(mayBeOneFileSystem({ device: other, other: one })).toBe(expected);
});
