/** A life of few files and many ends: clean, killed and cut, each in the middle of something. */
import { expect, it } from 'vitest';
import { Life } from './life.js';
import { CHUNK_SIZE, installedMachine } from './machine.js';
import { bytesOf, LIFE_TIMEOUT, printStates, survey } from './survey.js';

it('keeps every promise in every state that a cut in a life of restarts can leave', LIFE_TIMEOUT, async () => {
  const life = new Life(await installedMachine());
  const large = (name: string): Buffer => bytesOf(name, CHUNK_SIZE + 200);
  await life.boot();
  await life.upload('a', bytesOf('a', 40));
  await life.upload('b', large('b'));
  await life.restart();
  await life.upload('c', bytesOf('c', 190));
  // Killed with one upload staged, one in the log and one delete behind them.
  const work = (): void => {
    void Promise.all([life.upload('d', large('d')), life.upload('e', bytesOf('e', 50)), life.delete('a')]);
  };
  await life.kill(work, /^replaceFile \/primary/);
  await life.upload('f', large('f'));
  await life.checkpoint();
  await life.upload('g', bytesOf('g', 20));
  // A torn tail: two records in one batch, of which the first sectors came.
  const batch = (): void => void Promise.all(['h', 'i', 'j'].map((name) => life.upload(name, bytesOf(name, 195))));
  await life.cutPower(batch, /^dataSync \/wal/, /write\(\/wal.* only its first \d+ of \d+ bytes/);
  await life.upload('k', bytesOf('k', 30));
  await life.kill(() => void life.delete('k'), /^rename \/primary\/deleted/);
  await life.delete('c');
  await life.restart();
  await life.upload('l', large('b'));
  expect(printStates('a life of restarts', await survey(await life.end()))).toBeGreaterThan(800);
});
