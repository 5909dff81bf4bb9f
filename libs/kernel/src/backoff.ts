export interface BackoffOptions {
  readonly baseMs: number;
  readonly maxMs: number;
}

/**
 * Delay before retry number `attempt` (0 is the first): exponential with "full jitter", so that callers that failed
 * together do not return together (Brooker, "Exponential Backoff And Jitter", AWS Architecture Blog, 2015).
 * `random` is in [0, 1).
 */
export function backoffDelayMs(attempt: number, { baseMs, maxMs }: BackoffOptions, random: number): number {
  const ceiling = Math.min(maxMs, baseMs * 2 ** Math.min(attempt, 30));
  return baseMs + (ceiling - baseMs) * random;
}
