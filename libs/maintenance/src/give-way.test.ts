import { describe, expect, it } from 'vitest';
import { Courtesy } from './give-way.js';

const STEPS = 20;
const STEP_MS = 5;
const TURN_MS = 1;

function work(forMs: number): void {
  for (const endMs = performance.now() + forMs; performance.now() < endMs;);
}

/** How often others had the event loop during a pass that gives way behind every step. */
async function turnsOfOthers(turnMs: number): Promise<number> {
  let turns = 0;
  let isOver = false;
  const turn = (): void => {
    work(turnMs);
    turns += 1;
    if (!isOver) setImmediate(turn);
  };
  setImmediate(turn);
  const courtesy = new Courtesy();
  for (let step = 0; step < STEPS; step += 1) {
    work(STEP_MS);
    await courtesy.giveWay();
  }
  isOver = true;
  return turns;
}

describe('a pass between two steps', () => {
  it('leaves others several times what it has taken, where they have work', async () => {
    // One turn for each step would be what a pass leaves that does not rest.
    expect(await turnsOfOthers(TURN_MS)).toBeGreaterThan(5 * STEPS);
  });
});
