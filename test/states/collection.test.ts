/** A life of garbage: what deletes and broken uploads leave is collected, and the same bytes come again meanwhile. */
import { expect, it } from 'vitest';
import { Life } from './life.js';
import { CHUNK_SIZE, GRACE_MS, installedMachine } from './machine.js';
import { bytesOf, LIFE_TIMEOUT, printStates, survey } from './survey.js';

it('keeps every promise in every state that a cut in a life of collections can leave', LIFE_TIMEOUT, async () => {
  const life = new Life(await installedMachine());
  const twoChunks = bytesOf('two chunks', 2 * CHUNK_SIZE);
  await life.boot();
  await Promise.all([life.upload('a', twoChunks), life.upload('b', twoChunks), life.upload('c', bytesOf('c', 30))]);
  await life.delete('a');
  await life.upload('d', bytesOf('d', CHUNK_SIZE + 9));
  await life.delete('d');
  // The chunks of `b` stay, for its record is all that keeps them; those of `d` go.
  await life.checkpoint();
  await life.collect();
  await life.delete('b');
  life.machine.clock.nowMs += GRACE_MS;
  // The same bytes come again while their chunks are being collected, and are collected while they come.
  await Promise.all([life.store.collector.step(), life.upload('b again', twoChunks), life.store.collector.step()]);
  const e = bytesOf('e', 2 * CHUNK_SIZE);
  await life.upload('e', e);
  await life.delete('e');
  life.machine.clock.nowMs += GRACE_MS;
  const steps: Promise<unknown>[] = [];
  life.before(/^syncDirectory \/primary\/chunks/, () => void steps.push(life.store.collector.step()));
  await life.upload('e again', e);
  await Promise.all(steps);
  await life.kill(() => void life.upload('killed', bytesOf('killed', 2 * CHUNK_SIZE)), /^dataSync \/wal/);
  await life.collect();
  // Its chunks are published and its record was never written: orphans.
  const orphans = (): void => void life.upload('orphans', bytesOf('orphans', CHUNK_SIZE + 1));
  await life.kill(orphans, /^syncDirectory \/primary\/chunks/);
  await life.collect();
  await life.delete('b again');
  await life.restart();
  await life.collect();
  expect(printStates('a life of collections', await survey(await life.end()))).toBeGreaterThan(1100);
});
