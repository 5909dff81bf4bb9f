/** What crash tests of the other libraries import; never loaded by the product. */
export { CrashFileSystem } from './crash-file-system.js';
export type { DiskSnapshot } from './crash-file-system.js';
export { crashStates } from './crash-states.js';
export type { CrashState, CrashStatesOptions } from './crash-states.js';
export type { FaultOperation, FaultPlan } from './faults.js';
export type { Boundary, BoundaryListener } from './operation-gate.js';
export { SeededRandom } from './seeded-random.js';
export { SECTOR_BYTES } from './torn-writes.js';
