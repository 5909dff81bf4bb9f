/** What a repair has to say at its end. */
import type { DamagedFile, ObligationOperation } from '#libs/catalog';
import type { FileId, StoreId } from '#libs/kernel';
import type { Census } from './census.js';
import type { Difference } from './census-comparison.js';
import type { Finding, FindingKind } from './pass.js';

export interface RepairOptions {
  /** In this order. */
  readonly storeIds: readonly StoreId[];
  /** `deep`: everything is read against its SHA-256. */
  readonly depth: 'names' | 'deep';
  /** `look`: nothing is changed. */
  readonly mode: 'repair' | 'look';
}

/** Owed since before it was last carried out, or looked for, and not done. */
export interface LeftOver {
  readonly storeId: StoreId;
  readonly fileId: FileId;
  readonly operation: ObligationOperation;
  readonly error: string;
}

/** A store that could not be read, or to which what is owed could not be tried. */
export interface StoreFailure {
  readonly storeId: StoreId;
  readonly error: string;
}

export interface RepairReport {
  readonly options: RepairOptions;
  readonly rounds: number;
  /** In all rounds; of what comes up again, the first thousand count once. */
  readonly found: Readonly<Partial<Record<FindingKind, number>>>;
  /** The first of them. */
  readonly findings: readonly Finding[];
  /** Objects that were owed and are done, and were not met again; where something is left, only those known by name. */
  readonly done: number;
  /** Files that were copied, verified, read or deleted on the way. */
  readonly filesDone: number;
  /** All of it, counted. */
  readonly leftOver: number;
  /** The first of them. */
  readonly leftOvers: readonly LeftOver[];
  /** Files that no store, of all that could be asked, has whole; as far as anybody has looked. */
  readonly damaged: readonly DamagedFile[];
  /** Found in the last round, or read in depth, and not for a program to mend, or not to be mended by one that only looks. */
  readonly reported: number;
  readonly failures: readonly StoreFailure[];
  readonly censuses: readonly Census[];
  readonly inMotion: number;
  readonly differing: number;
  /** The first of them. */
  readonly differences: readonly Difference[];
  /** Every store was counted, and what differs was ordered so late that it is on its way. */
  readonly equal: boolean;
  /** Equal, and nothing was left: neither found and not mended, nor owed and not done. */
  readonly whole: boolean;
}
