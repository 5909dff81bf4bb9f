/** Wall-clock time as an argument. Times are for people and for graces; order is never taken from them, only from LSNs. */
export interface Clock {
  /** Milliseconds since the Unix epoch; may go backwards. */
  now(): number;
}

export const systemClock: Clock = { now: () => Date.now() };
