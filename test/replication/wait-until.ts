/** Waits for what comes by itself, and says what was there instead where it does not come. */
import { setTimeout as delay } from 'node:timers/promises';
import { expect } from 'vitest';

/** A job whose worker died is given to another one behind its lock, which is half a minute on a busy machine. */
const PATIENCE_MS = 60_000;
const POLL_MS = 20;

/** Asks `look` until it answers with what is expected (as `toEqual` does), or fails with the last answer. */
export async function eventually<Seen>(look: () => Promise<Seen> | Seen, expected: unknown): Promise<void> {
  const deadline = performance.now() + PATIENCE_MS;
  for (;;) {
    const seen = await look();
    try {
      expect(seen).toEqual(expected);
      return;
    } catch (error) {
      if (performance.now() > deadline) throw error;
    }
    await delay(POLL_MS);
  }
}
