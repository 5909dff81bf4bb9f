/** A place whose file system does not answer, such as a mount whose server is gone. */
import type { FileSystem } from '#libs/durable-fs';
import { nodeFileSystem } from '#libs/durable-fs';
import { describe, expect, it } from 'vitest';
import { TEST_IDENTITY } from '../testing/src/index.js';
import { DirectoryPlace } from './directory-place.js';
import { identityBytes } from './store-identity.js';

/** Questions are answered when the test says so. */
function heldPlace(patienceMs: number) {
  const questions: ((answer: Buffer) => void)[] = [];
  const fs: FileSystem = {
    ...nodeFileSystem,
    readFile: () => {
      const { promise, resolve } = Promise.withResolvers<Buffer>();
      questions.push(resolve);
      return promise;
    },
  };
  return { place: new DirectoryPlace(fs, '/place', { patienceMs }), questions };
}

const answer = (name: string): Buffer => identityBytes({ ...TEST_IDENTITY, name });

describe('a place that hangs', () => {
  it('is unreachable, and costs one thread however often it is asked', async () => {
    const { place, questions } = heldPlace(10);
    const outcomes = await Promise.allSettled([place.identify(), place.identify(), place.identify()]);
    expect(outcomes).toMatchObject(Array.from({ length: 3 }, () => ({ reason: { code: 'store_unreachable' } })));
    await expect(place.identify()).rejects.toMatchObject({ code: 'store_unreachable' });
    expect(questions).toHaveLength(1);
  });

  it('is asked again once it has answered', async () => {
    const { place, questions } = heldPlace(10);
    await expect(place.identify()).rejects.toMatchObject({ code: 'store_unreachable' });
    questions[0]!(answer('before'));
    await new Promise(setImmediate);
    const again = place.identify();
    expect(questions).toHaveLength(2);
    questions[1]!(answer('after'));
    expect((await again)?.name).toBe('after');
  });
});

it('gives nobody an answer that was asked for before he came: the disk may have been swapped since', async () => {
  const { place, questions } = heldPlace(10_000);
  const early = place.identify();
  const late = [place.identify(), place.identify()];
  questions[0]!(answer('before the swap'));
  expect((await early)?.name).toBe('before the swap');
  await Promise.resolve();
  expect(questions).toHaveLength(2);
  questions[1]!(answer('behind the swap'));
  for (const identity of await Promise.all(late)) expect(identity?.name).toBe('behind the swap');
});
