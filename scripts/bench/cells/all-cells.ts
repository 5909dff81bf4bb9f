/** Every cell, in the order of the table. A new group is a file here and a line below. */
import type { Cell } from '../cell.js';
import type { Bench } from './bench.js';
import { bootCells } from './boot.js';
import { getCells } from './get.js';
import { groupCommitCells } from './group-commit.js';
import { memoryCells } from './memory.js';
import { largePutCells } from './put-large.js';
import { putCells } from './put.js';
import { replayCells } from './replay.js';
import { replicationCells } from './replication.js';

export function allCells(bench: Bench): Cell[] {
  return [
    ...putCells(bench),
    ...groupCommitCells(bench),
    ...largePutCells(bench),
    ...getCells(bench),
    ...replayCells(bench),
    ...bootCells(bench),
    ...memoryCells(bench),
    ...replicationCells(bench),
  ];
}
