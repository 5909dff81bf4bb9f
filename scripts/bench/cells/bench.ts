import type { Workspace } from '../workspace.js';

/** What every group of cells is made with. */
export interface Bench {
  readonly workspace: Workspace;
  readonly rounds: number;
  /** Length of a window of load. */
  readonly seconds: number;
}
