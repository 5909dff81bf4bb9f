/** The first boot of all: two stores and a log are made from nothing, and nothing is promised until that has ended. */
import { ModelledCatalogs } from '#libs/catalog/testing';
import { CrashFileSystem } from '#libs/durable-fs/testing';
import { expect, it } from 'vitest';
import { Life } from './life.js';
import { TestClock } from './machine.js';
import { bytesOf, LIFE_TIMEOUT, printStates, survey } from './survey.js';

/** Shards are made by the hundred, and one is like the next. */
const SHARDS_SKIPPED = 64;

it('makes an installation from every state that a cut in the first boot can leave', LIFE_TIMEOUT, async () => {
  const machine = { fs: new CrashFileSystem(), catalogs: new ModelledCatalogs(), clock: new TestClock() };
  const options = { replicas: [{ name: 'replica', path: '/replica' }] };
  const life = new Life(machine, options);
  await life.boot();
  await life.upload('first', bytesOf('first', 50));
  const cuts = await life.end();
  const chosen = cuts.filter(
    ({ where }, index) => !/makeDirectory .*\/..$/.test(where) || index % SHARDS_SKIPPED === 0,
  );
  expect(printStates('the first boot', await survey(chosen, options))).toBeGreaterThan(100);
});
