import { describe, expect, it } from 'vitest';
import { GuessLimiter, MAX_GUESSES, MS_PER_GUESS } from './guess-limiter.js';

const HOME = '192.0.2.1';
const AWAY = '192.0.2.2';

class Bench {
  timeMs = 5_000;
  readonly limiter: GuessLimiter;

  constructor(maxAddresses?: number) {
    this.limiter = new GuessLimiter(() => this.timeMs, maxAddresses);
  }

  ask(address: string, key?: string): string {
    return this.limiter.judge({ address, key }).kind;
  }

  exhaust(address: string): void {
    for (let guess = 0; guess < MAX_GUESSES; guess += 1) this.ask(address);
  }
}

describe('GuessLimiter', () => {
  it('slows an address that was wrong too often, and says for how long', () => {
    const bench = new Bench();
    for (let guess = 0; guess < MAX_GUESSES; guess += 1) expect(bench.ask(HOME)).toBe('wrong');
    bench.timeMs += MS_PER_GUESS / 4;
    expect(bench.limiter.judge({ address: HOME, key: undefined })).toEqual({
      kind: 'slowed',
      waitMs: (MS_PER_GUESS * 3) / 4,
    });
  });

  it('does not look at the keys of one that is slowed', () => {
    const bench = new Bench();
    bench.exhaust(HOME);
    expect(bench.ask(HOME, 'right')).toBe('slowed');
  });

  it('lets it guess once for every wait, however often it asked meanwhile', () => {
    const bench = new Bench();
    bench.exhaust(HOME);
    for (let round = 0; round < 3; round += 1) {
      for (let step = 0; step < 9; step += 1) {
        bench.timeMs += MS_PER_GUESS / 10;
        expect(bench.ask(HOME)).toBe('slowed');
      }
      bench.timeMs += MS_PER_GUESS / 10;
      expect([bench.ask(HOME), bench.ask(HOME)]).toEqual(['wrong', 'slowed']);
    }
  });

  it('forgives all of it in time, and never more', () => {
    const bench = new Bench();
    bench.exhaust(HOME);
    bench.timeMs += 100 * MAX_GUESSES * MS_PER_GUESS;
    bench.exhaust(HOME);
    expect(bench.ask(HOME)).toBe('slowed');
  });

  it('slows no other address', () => {
    const bench = new Bench();
    bench.exhaust(HOME);
    expect([bench.ask(AWAY), bench.ask(AWAY, 'right')]).toEqual(['wrong', 'right']);
  });

  it('never refuses a key that was right from there before, whoever guesses beside it', () => {
    const bench = new Bench();
    bench.ask(HOME, 'a');
    bench.ask(HOME, 'b');
    bench.exhaust(HOME);
    expect(['a', 'b', 'c'].map((key) => bench.ask(HOME, key))).toEqual(['right', 'right', 'slowed']);
  });

  it('trusts a key only where it was right', () => {
    const bench = new Bench();
    bench.ask(HOME, 'a');
    bench.exhaust(AWAY);
    expect(bench.ask(AWAY, 'a')).toBe('slowed');
  });

  it('charges nothing for a key that is right', () => {
    const bench = new Bench();
    for (let ask = 0; ask < 10 * MAX_GUESSES; ask += 1) expect(bench.ask(HOME, `key${ask}`)).toBe('right');
  });

  it('remembers no more addresses than it may', () => {
    const bench = new Bench(100);
    bench.ask('first', 'a');
    bench.exhaust('first');
    for (let other = 0; other < 100; other += 1) {
      bench.ask(`guesser ${other}`);
      bench.ask(`client ${other}`, 'a');
    }
    bench.exhaust('first');
    expect(bench.ask('first', 'a')).toBe('slowed');
    expect(bench.ask('guesser 99')).toBe('wrong');
  });
});
