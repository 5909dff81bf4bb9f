/**
 * Keeps a store that fails from being asked again and again by everything that is owed to it. Pure: time and randomness
 * are arguments.
 *
 *   state      allows      the store failed              the store answered   its time came   a job was handed out   its job was lost
 *   closed     all         open, shortest delay          closed               -               closed                 closed
 *   open       nothing     open, the same (a late job)   closed               half-open       -                      open
 *   half-open  one item    open, the doubled delay       closed               -               trying                 -
 *   trying     nothing     open, the doubled delay       closed               -               -                      half-open
 */
import { backoffDelayMs } from '#libs/kernel';

/** The first delay, doubled at every failure behind it up to the longest, with jitter. */
const DELAY = { baseMs: 1_000, maxMs: 60_000 };

export type Breaker =
  | { readonly kind: 'closed' }
  | { readonly kind: 'open'; readonly failures: number; readonly sinceMs: number; readonly untilMs: number }
  | { readonly kind: 'half_open' | 'trying'; readonly failures: number; readonly sinceMs: number };

export const CLOSED: Breaker = { kind: 'closed' };

/** What may be handed out. */
export type Allowance = 'all' | 'one_item' | 'nothing';

export function allowance(breaker: Breaker): Allowance {
  if (breaker.kind === 'closed') return 'all';
  return breaker.kind === 'half_open' ? 'one_item' : 'nothing';
}

export function storeFailed(breaker: Breaker, { nowMs, random }: { nowMs: number; random: number }): Breaker {
  if (breaker.kind === 'open') return breaker;
  const failures = breaker.kind === 'closed' ? 0 : breaker.failures + 1;
  const sinceMs = breaker.kind === 'closed' ? nowMs : breaker.sinceMs;
  return { kind: 'open', failures, sinceMs, untilMs: nowMs + backoffDelayMs(failures, DELAY, random) };
}

export function timePassed(breaker: Breaker, nowMs: number): Breaker {
  if (breaker.kind !== 'open') return breaker;
  const { failures, sinceMs, untilMs } = breaker;
  // A clock that was put back does not keep a store waiting for longer than the longest delay.
  if (nowMs < untilMs && untilMs - nowMs <= DELAY.maxMs) return breaker;
  return { kind: 'half_open', failures, sinceMs };
}

export function handedOut(breaker: Breaker): Breaker {
  return breaker.kind === 'half_open' ? { ...breaker, kind: 'trying' } : breaker;
}

export function jobLost(breaker: Breaker): Breaker {
  return breaker.kind === 'trying' ? { ...breaker, kind: 'half_open' } : breaker;
}

/** Something says that the store may be back: it is tried at once. */
export function hopeful(breaker: Breaker): Breaker {
  return breaker.kind === 'open'
    ? { kind: 'half_open', failures: breaker.failures, sinceMs: breaker.sinceMs }
    : breaker;
}
