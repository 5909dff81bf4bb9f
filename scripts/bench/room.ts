/** Whether the disk has room for a cell, asked just before it: what was removed after an earlier one is free again. */
import { statfs } from 'node:fs/promises';
import type { Cell } from './cell.js';

/** So that the server's own reserve is never touched. */
const SPARE_BYTES = 2 * 2 ** 30;

/** Why the cell cannot be measured in this directory, or undefined where it can. */
export async function lackOfRoom(
  directory: string,
  { diskBytes }: Pick<Cell, 'diskBytes'>,
): Promise<string | undefined> {
  const neededBytes = diskBytes + SPARE_BYTES;
  const disk = await statfs(directory);
  if (disk.bavail * disk.bsize >= neededBytes) return undefined;
  return `${directory} has less than ${Math.ceil(neededBytes / 2 ** 30)} GiB free; see --directory`;
}
