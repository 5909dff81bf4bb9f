/** What copies cost the uploads, and how fast they are made. */
import type { Cell } from '../cell.js';
import type { Bench } from './bench.js';
import { burstLagCells } from './burst-lag.js';
import { replicaFillCells } from './replica-fill.js';
import { replicatedPutCells } from './replicated-put.js';
import { syncPutCells } from './sync-put.js';

export const replicationCells = (bench: Bench): Cell[] => [
  ...replicatedPutCells(bench),
  ...replicaFillCells(bench),
  ...syncPutCells(bench),
  ...burstLagCells(bench),
];
