/**
 * An undelete racing the collection of what it needs, each held open at every step. It brings the file back whole, now and
 * after a power cut, or it says that this is impossible and leaves nothing.
 */
import type { FileId } from '#libs/kernel';
import { describe, expect, it } from 'vitest';
import {
  afterPowerCuts,
  bytesOf,
  CHUNK_PATH,
  chunkIdsOf,
  codeOf,
  GRACE_MS,
  heldMachine,
  openBench,
  pass,
  passAfterGrace,
  put,
  readOutcome,
  settle,
  storedChunks,
} from './bench.js';
import type { Bench, HeldMachine } from './bench.js';

const BYTES = bytesOf('deleted and wanted back', 3);
const CHUNK_IDS = chunkIdsOf(BYTES);
const KEPT_PATH = /\/deleted\/..\/[0-9a-f-]{36}\.\d+$/;
const MANIFEST_PATH = /\/manifests\//;

interface Deleted {
  readonly machine: HeldMachine;
  readonly bench: Bench;
  readonly fileId: FileId;
}

/** A deleted file whose grace is over, and nothing of it collected yet. */
async function deletedFile(): Promise<Deleted> {
  const machine = await heldMachine();
  const bench = await openBench(machine);
  const { fileId } = await put(bench.files, 'old', BYTES);
  await bench.files.delete(fileId);
  machine.clock.nowMs += GRACE_MS;
  return { machine, bench, fileId };
}

const listed = ({ files }: Bench): number => files.list({ prefix: '', limit: 10, cursor: undefined }).files.length;

async function expectWhole(bench: Bench, fileId: FileId): Promise<void> {
  expect(await readOutcome(bench.files, fileId, BYTES)).toBe('whole');
  await passAfterGrace(bench);
  expect(await readOutcome(bench.files, fileId, BYTES)).toBe('whole');
  expect(listed(bench)).toBe(1);
  await afterPowerCuts(bench.machine, async (after) => {
    await passAfterGrace(after);
    expect(await readOutcome(after.files, fileId, BYTES)).toBe('whole');
  });
}

async function expectGone(bench: Bench): Promise<void> {
  expect(listed(bench)).toBe(0);
  await passAfterGrace(bench);
  expect(await storedChunks(bench)).toEqual([]);
  await afterPowerCuts(bench.machine, async (after) => expect(listed(after)).toBe(0));
}

describe('an undelete racing the collection', () => {
  it('is impossible where the collection comes and goes between its manifest and its pins', async () => {
    const { machine, bench, fileId } = await deletedFile();
    const read = machine.fs.hold('readFile', KEPT_PATH);
    const undeleting = bench.files.undelete(fileId).catch(codeOf);
    await read.reached;
    await pass(bench.collector);
    expect(await storedChunks(bench)).toEqual([]);
    read.release();
    expect(await undeleting).toBe('undelete_impossible');
    await expectGone(bench);
    await bench.close();
  });

  it.each([1, 2, 3])('keeps its chunks where the collection comes behind the look at number %i', async (number) => {
    const { machine, bench, fileId } = await deletedFile();
    const looks = Array.from({ length: number }, () => machine.fs.hold('stat', CHUNK_PATH));
    const undeleting = bench.files.undelete(fileId);
    for (const look of looks.slice(0, -1)) {
      await look.reached;
      look.release();
    }
    await looks.at(-1)!.reached;
    await pass(bench.collector);
    expect(await storedChunks(bench)).toEqual(CHUNK_IDS);
    looks.at(-1)!.release();
    await expectWhole(bench, (await undeleting).fileId);
    await bench.close();
  });

  it.each([
    ['before its record', 'syncDirectory', /\/chunks\//],
    ['before its record is applied', 'replaceFile', MANIFEST_PATH],
    ['before its kept manifest goes', 'unlink', KEPT_PATH],
  ] as const)('keeps its chunks where the collection comes %s', async (_, operation, path) => {
    const { machine, bench, fileId } = await deletedFile();
    const held = machine.fs.hold(operation, path);
    const undeleting = bench.files.undelete(fileId);
    await held.reached;
    // The pass removes the kept manifest too, whose grace is over.
    await pass(bench.collector);
    expect(await storedChunks(bench)).toEqual(CHUNK_IDS);
    held.release();
    await expectWhole(bench, (await undeleting).fileId);
    await bench.close();
  });

  it.each([1, 2, 3])(
    'waits for the collection that has begun, at unlink number %i, and is impossible',
    async (number) => {
      const { machine, bench, fileId } = await deletedFile();
      const unlinks = Array.from({ length: number }, () => machine.fs.hold('unlink', CHUNK_PATH));
      const collecting = pass(bench.collector);
      for (const unlink of unlinks.slice(0, -1)) {
        await unlink.reached;
        unlink.release();
      }
      await unlinks.at(-1)!.reached;
      let outcome: unknown;
      const undeleting = bench.files.undelete(fileId).then(
        () => (outcome = 'back'),
        (error: unknown) => (outcome = codeOf(error)),
      );
      await settle();
      // Believed now, a chunk that is being unlinked would be missing in the file.
      expect(outcome).toBeUndefined();
      unlinks.at(-1)!.release();
      await Promise.all([collecting, undeleting]);
      expect(outcome).toBe('undelete_impossible');
      await expectGone(bench);
      await bench.close();
    },
  );
});

describe('the manifest of a deleted file', () => {
  it('is kept through the grace and goes behind it, with the chunks', async () => {
    const machine = await heldMachine();
    const bench = await openBench(machine);
    const { fileId } = await put(bench.files, 'old', BYTES);
    await bench.files.delete(fileId);
    await pass(bench.collector);
    machine.clock.nowMs += GRACE_MS - 1000;
    await pass(bench.collector);
    expect(await bench.parts.primary.deleted.find(fileId)).toMatchObject({ fileId });
    machine.clock.nowMs += GRACE_MS / 4;
    await pass(bench.collector);
    expect(await bench.parts.primary.deleted.find(fileId)).toBeUndefined();
    await expect(bench.files.undelete(fileId)).rejects.toMatchObject({ code: 'undelete_impossible' });
    await expectGone(bench);
    await bench.close();
  });

  it('goes where the clock was far ahead at the delete, and stays where it was a little', async () => {
    const machine = await heldMachine();
    const bench = await openBench(machine);
    const [far, near] = [await put(bench.files, 'far', BYTES), await put(bench.files, 'near', BYTES)];
    machine.clock.nowMs += 1000 * GRACE_MS;
    await bench.files.delete(far.fileId);
    machine.clock.nowMs -= 1000 * GRACE_MS - 60_000;
    await bench.files.delete(near.fileId);
    machine.clock.nowMs -= 60_000;
    await pass(bench.collector);
    expect(await bench.parts.primary.deleted.find(far.fileId)).toBeUndefined();
    expect(await readOutcome(bench.files, (await bench.files.undelete(near.fileId)).fileId, BYTES)).toBe('whole');
    await bench.close();
  });

  it('that cannot be removed keeps no chunk from being collected, and goes later', async () => {
    const { machine, bench, fileId } = await deletedFile();
    machine.fs.failNext({ operation: 'unlink', pathPattern: KEPT_PATH, errorCode: 'EIO' });
    await pass(bench.collector);
    expect(await storedChunks(bench)).toEqual([]);
    expect(await bench.parts.primary.deleted.find(fileId)).toMatchObject({ fileId });
    await passAfterGrace(bench);
    expect(await bench.parts.primary.deleted.find(fileId)).toBeUndefined();
    await bench.close();
  });

  it('of many is removed in bounded steps', async () => {
    const machine = await heldMachine();
    const bench = await openBench(machine);
    await pass(bench.collector);
    const ids: FileId[] = [];
    for (let index = 0; index < 600; index += 1) {
      const { fileId } = await put(bench.files, `file ${index}`, Buffer.from('small'));
      await bench.files.delete(fileId);
      ids.push(fileId);
    }
    machine.clock.nowMs += GRACE_MS;
    const left = async (): Promise<number> => {
      const { files } = await bench.parts.primary.deleted.page({ limit: 1000 });
      return files.length;
    };
    const counts = new Set<number>();
    for (let outcome = 'busy'; outcome === 'busy'; outcome = await bench.collector.step()) counts.add(await left());
    counts.add(await left());
    expect([...counts]).toEqual([600, 88, 0]);
    await bench.close();
  });
});
