import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { CrashFileSystem } from './crash-file-system.js';
import { crashStates } from './crash-states.js';
import { readText } from './possible-contents.js';

/** `count` files with one un-synced write each. */
async function dirtyFiles(count: number): Promise<CrashFileSystem> {
  const fs = new CrashFileSystem();
  const files = await Promise.all(Array.from({ length: count }, (_none, index) => fs.create(`/file-${index}`)));
  await fs.syncFileSystem('/');
  for (const [index, file] of files.entries()) await file.write(Buffer.from(`text of ${index}`), 0);
  return fs;
}

const describeStates = (fs: CrashFileSystem, options: { limit?: number; seed?: number }) =>
  [...crashStates(fs.snapshot(), options)].map(({ label, fileSystem }) => ({ label, tree: fileSystem.tree() }));

describe('crashStates', () => {
  it('gives the one state of a disk with nothing un-synced', async () => {
    const fs = await dirtyFiles(3);
    await fs.syncFileSystem('/');
    const states = [...crashStates(fs.snapshot())];
    expect(states.map(({ label }) => label)).toEqual(['everything un-synced lost']);
    expect(states[0]?.fileSystem.tree()).toEqual(fs.tree());
  });

  it('begins with everything lost and nothing lost, and never gives a disk twice or more than the limit', async () => {
    for (const limit of [1, 2, 7, 100]) {
      const fs = await dirtyFiles(30);
      const states = [...crashStates(fs.snapshot(), { limit })];
      expect(states.length).toBe(limit);
      const seen = new Set<string>();
      for (const { fileSystem } of states) {
        const contents = Object.keys(fileSystem.tree()).map((path) => fileSystem.durableBytes(path)?.toString('hex'));
        seen.add(contents.join());
      }
      expect(seen.size).toBe(limit);
      expect(states.slice(0, 2).map(({ label }) => label)).toEqual(
        ['everything un-synced lost', 'nothing lost'].slice(0, limit),
      );
    }
  });

  it('gives the same states for the same seed, and others for another', async () => {
    const fs = await dirtyFiles(40);
    expect(describeStates(fs, { seed: 7 })).toEqual(describeStates(fs, { seed: 7 }));
    expect(describeStates(fs, { seed: 7 })).not.toEqual(describeStates(fs, { seed: 8 }));
  });

  it('covers every subset of a few operations', async () => {
    const fs = await dirtyFiles(5);
    const subsets = new Set<string>();
    for (const { fileSystem } of crashStates(fs.snapshot())) {
      subsets.add(
        Object.values(fileSystem.tree())
          .map((size) => (size === 9 ? 1 : size === 0 ? 0 : '?'))
          .join(''),
      );
    }
    const whole = [...subsets].filter((subset) => !subset.includes('?'));
    expect(whole.length).toBe(2 ** 5);
  });

  it('covers each prefix, each single loss and each single survivor of many operations', async () => {
    const count = 20;
    const fs = await dirtyFiles(count);
    const subsets = new Set<string>();
    for (const { fileSystem } of crashStates(fs.snapshot(), { limit: 1000 })) {
      const sizes = Object.entries(fileSystem.tree()).sort(
        ([left], [right]) => Number(left.slice(6)) - Number(right.slice(6)),
      );
      subsets.add(sizes.map(([, size]) => (size > 8 ? '1' : '0')).join(''));
    }
    const one = (index: number, inside: string, outside: string) =>
      outside.repeat(index) + inside + outside.repeat(count - index - 1);
    for (let index = 0; index < count; index += 1) {
      expect(subsets).toContain('1'.repeat(index) + '0'.repeat(count - index));
      expect(subsets).toContain(one(index, '0', '1'));
      expect(subsets).toContain(one(index, '1', '0'));
    }
  });

  it('gives disks on which everything is durable, independent of each other and of the running machine', async () => {
    const fs = await dirtyFiles(2);
    const snapshot = fs.snapshot();
    for (const { fileSystem } of crashStates(snapshot)) {
      expect(fileSystem.durableTree()).toEqual(fileSystem.tree());
      await fileSystem.replaceFile('/file-0', Buffer.from('after the reboot'), '/tmp');
      await fileSystem.syncFileSystem('/');
      expect([...crashStates(fileSystem.snapshot())].length).toBe(1);
    }
    expect((await fs.readFile('/file-0')).toString()).toBe('text of 0');
    await fs.unlink('/file-1');
    const last = [...crashStates(snapshot)].at(1)?.fileSystem;
    expect(last?.tree()).toEqual({ '/file-0': 9, '/file-1': 9 });
  });
});

type Step = { kind: 'write' | 'sync' | 'rename' | 'unlink' | 'syncDirectory'; file: number; text: string };

const steps: fc.Arbitrary<Step[]> = fc.array(
  fc.record({
    kind: fc.constantFrom('write', 'write', 'sync', 'sync', 'rename', 'unlink', 'syncDirectory'),
    file: fc.nat(2),
    text: fc.string({ minLength: 1, maxLength: 4 }),
  }),
  { maxLength: 25 },
);

/**
 * A model that is nothing like the file system's: per name, all contents it may show after a cut. A name that is
 * touched, and not followed by the syncs that it needs, may show anything; the property speaks of the others.
 */
class Promises {
  readonly #promised = new Map<string, string | undefined>();
  readonly #synced = new Map<string, string | undefined>();
  readonly #visible = new Map<string, string | undefined>();

  apply(step: Step, path: string): void {
    if (step.kind === 'syncDirectory') {
      for (const [name, text] of this.#visible) {
        const isContentSynced = text === undefined || this.#synced.get(name) === text;
        if (isContentSynced && !this.#promised.has(name)) this.#promised.set(name, text);
      }
      return;
    }
    if (step.kind === 'sync') {
      if (this.#promised.has(path)) this.#promised.set(path, this.#visible.get(path));
      this.#synced.set(path, this.#visible.get(path));
      return;
    }
    this.#promised.delete(path);
    this.#synced.delete(path);
    this.#visible.set(path, step.kind === 'unlink' ? undefined : step.text);
  }

  get promised(): ReadonlyMap<string, string | undefined> {
    return this.#promised;
  }
}

async function run(fs: CrashFileSystem, step: Step, path: string): Promise<void> {
  const exists = (await fs.stat(path)) !== undefined;
  if (step.kind === 'write') {
    await fs.replaceFile(path, Buffer.from(step.text), '/d/tmp');
  } else if (step.kind === 'rename') {
    const file = await fs.create('/d/new');
    await file.write(Buffer.from(step.text), 0);
    await fs.rename('/d/new', path);
  } else if (step.kind === 'unlink' && exists) {
    await fs.unlink(path);
  } else if (step.kind === 'syncDirectory') {
    await fs.syncDirectory('/d');
  } else if (step.kind === 'sync' && exists) {
    await (await fs.openWrite(path)).dataSync();
  }
}

describe('the promise of the port', () => {
  it('holds in every crash state: what was synced, content and name, is there', async () => {
    await fc.assert(
      fc.asyncProperty(steps, fc.nat(), async (sequence, seed) => {
        const fs = new CrashFileSystem();
        const promises = new Promises();
        await fs.makeDirectory('/d');
        await fs.syncDirectory('/');
        for (const step of sequence) {
          const path = `/d/${step.file}`;
          await run(fs, step, path);
          promises.apply(step, path);
        }
        for (const { label, fileSystem } of crashStates(fs.snapshot(), { limit: 60, seed })) {
          for (const [path, text] of promises.promised) {
            expect({ label, text: await readText(fileSystem, path) }).toEqual({ label, text });
          }
        }
      }),
      { numRuns: 150 },
    );
  });
});
