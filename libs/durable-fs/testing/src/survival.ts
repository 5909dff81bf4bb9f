/** A range of the bytes of one write, counted from the start of that write. */
export interface ByteRange {
  readonly start: number;
  readonly end: number;
}

/** What a power cut left of one un-synced operation. A name operation or a truncation is only kept whole or lost. */
export interface Survival {
  readonly kept: 'all' | readonly ByteRange[];
  /**
   * Where the write made the file longer: `written` is the case of a journal that committed the new size before the
   * data came (zeros show), `kept` the case where the size ends with the last byte that came.
   */
  readonly growsTo: 'kept' | 'written';
}

export const KEPT: Survival = { kept: 'all', growsTo: 'written' };
export const ZEROS: Survival = { kept: [], growsTo: 'written' };

/** By the operation's sequence number; an operation that is not in the map is lost. */
export type CrashOutcome = ReadonlyMap<number, Survival>;

/**
 * What is known of an operation: `pending` waits for a sync; `unproven` was covered by a sync that failed, after which
 * the kernel takes it for clean, so no later sync writes it; `durable` is on the disk.
 */
export type Fate = 'pending' | 'unproven' | 'durable';
