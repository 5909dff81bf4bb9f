import { expect, it } from 'vitest';
import { Life } from './life.js';
import { CHUNK_SIZE, installedMachine, SEGMENT_SIZE } from './machine.js';
import { bytesOf, LIFE_TIMEOUT, printStates, survey } from './survey.js';

it(
  'keeps every promise in every state that a cut in a life of uploads and deletes can leave',
  LIFE_TIMEOUT,
  async () => {
    const life = new Life(await installedMachine(), { maxLogBytes: 3 * SEGMENT_SIZE });
    await life.boot();
    await life.upload('a', bytesOf('a', 60));
    await life.upload('b', bytesOf('b', 2 * CHUNK_SIZE + 100));
    // The same content once more: its chunks are published over those of the first.
    await Promise.all([life.upload('b again', bytesOf('b', 2 * CHUNK_SIZE + 100)), life.upload('c', bytesOf('c', 10))]);
    await life.delete('b');
    await life.checkpoint();
    await Promise.all([
      life.delete('a'),
      life.upload('d', bytesOf('d', CHUNK_SIZE + 1)),
      life.upload('empty', Buffer.alloc(0)),
    ]);
    await life.breakOff('broken', bytesOf('broken', 2 * CHUNK_SIZE));
    for (const name of ['e', 'f', 'g']) await life.upload(name, bytesOf(name, 190));
    // A checkpoint while records are in the log and not yet applied.
    life.before(/^replaceFile \/primary\/manifests/, () => void life.checkpoint());
    await Promise.all(['h', 'i', 'j'].map((name) => life.upload(name, bytesOf(name, 150))));
    await life.delete('h');
    await life.delete('b again');
    await life.checkpoint();
    await life.upload('k', bytesOf('k', 3 * CHUNK_SIZE));
    expect(printStates('a life of uploads and deletes', await survey(await life.end()))).toBeGreaterThan(1000);
  },
);
