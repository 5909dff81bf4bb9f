/** What a kill or a power cut in the middle of an upload or a collection leaves, and that it is found. */
import { ModelledCatalogs } from '#libs/catalog/testing';
import { describe, expect, it } from 'vitest';
import {
  afterPowerCuts,
  bytesOf,
  CHUNK_PATH,
  chunkIdsOf,
  codeOf,
  DAY_MS,
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
import type { HeldMachine } from './bench.js';
import { seeReplicas } from '../states/machine.js';
import type { Machine } from '../states/machine.js';

const KEPT = bytesOf('kept', 2);

/** The machine goes on, the process does not. */
const killed = (machine: Machine): Machine => ({
  ...machine,
  fs: machine.fs.killed(),
  catalogs: machine.catalogs.killed(),
});

/** Killed in the middle of an upload of 4 chunks: they stand under their names, and no record says so. */
async function killedBeforeAppend(between: 'nothing' | 'a checkpoint'): Promise<{ machine: Machine; keptId: never }> {
  const machine = await heldMachine();
  const bench = await openBench(machine);
  const { fileId } = await put(bench.files, 'kept', KEPT);
  const sync = machine.fs.hold('syncDirectory', /\/chunks\//);
  const uploading = put(bench.files, 'interrupted', bytesOf('interrupted', 4)).catch(codeOf);
  await sync.reached;
  if (between === 'a checkpoint') {
    await put(bench.files, 'small', Buffer.from('small'));
    await bench.parts.checkpointer.run();
  }
  const next = killed(machine);
  sync.release();
  await uploading;
  await bench.abandon();
  return { machine: next, keptId: fileId as never };
}

describe('a kill between publish and append', () => {
  it.each([
    ['nothing', 1],
    ['a checkpoint', 0],
  ] as const)(
    'leaves orphans that the sweep finds, after the grace and not before: %s between',
    async (what, count) => {
      const { machine, keptId } = await killedBeforeAppend(what);
      const bench = await openBench(machine);
      // An upload that began below the checkpoint is not in the report; its chunks are found all the same.
      expect(bench.parts.report.interruptedUploads).toBe(count);
      expect(await storedChunks(bench)).toHaveLength(6);
      await pass(bench.collector);
      machine.clock.nowMs += GRACE_MS - 1000;
      await pass(bench.collector);
      expect(await storedChunks(bench)).toHaveLength(6);
      machine.clock.nowMs += 1000;
      await pass(bench.collector);
      expect(await storedChunks(bench)).toEqual(chunkIdsOf(KEPT));
      expect(await readOutcome(bench.files, keptId, KEPT)).toBe('whole');
      await bench.close();
    },
  );

  it('and another one before the grace was over begins no grace anew', async () => {
    const { machine } = await killedBeforeAppend('nothing');
    const bench = await openBench(machine);
    await pass(bench.collector);
    machine.clock.nowMs += GRACE_MS;
    const next = await openBench(killed(machine));
    await bench.abandon();
    await pass(next.collector);
    expect(await storedChunks(next)).toEqual(chunkIdsOf(KEPT));
    await next.close();
  });

  it('then an upload of the same bytes: the orphans are its chunks', async () => {
    const { machine } = await killedBeforeAppend('nothing');
    const bench = await openBench(machine);
    await pass(bench.collector);
    const bytes = bytesOf('interrupted', 4);
    const { fileId } = await put(bench.files, 'again', bytes);
    await passAfterGrace(bench);
    expect(await readOutcome(bench.files, fileId, bytes)).toBe('whole');
    await bench.close();
  });

  it('then a lost catalog: the orphans are found by listing', async () => {
    const { machine, keptId } = await killedBeforeAppend('a checkpoint');
    const bench = await openBench({ ...machine, catalogs: new ModelledCatalogs() });
    seeReplicas(bench);
    await pass(bench.collector);
    await passAfterGrace(bench);
    expect(await storedChunks(bench)).toEqual(chunkIdsOf(KEPT));
    expect(await readOutcome(bench.files, keptId, KEPT)).toBe('whole');
    await bench.close();
  });
});

describe('a collection', () => {
  /** Held before unlink number `number` of the 4 chunks of a deleted file. */
  async function heldAtUnlink(number: number) {
    const machine: HeldMachine = await heldMachine();
    const bench = await openBench(machine);
    const { fileId } = await put(bench.files, 'kept', KEPT);
    await bench.files.delete((await put(bench.files, 'a', bytesOf('a', 4))).fileId);
    machine.clock.nowMs += GRACE_MS;
    const unlinks = Array.from({ length: number }, () => machine.fs.hold('unlink', CHUNK_PATH));
    const collecting = pass(bench.collector).catch(codeOf);
    for (const unlink of unlinks.slice(0, -1)) {
      await unlink.reached;
      unlink.release();
    }
    await unlinks.at(-1)!.reached;
    await settle();
    const end = async (): Promise<void> => {
      unlinks.at(-1)!.release();
      await collecting;
      await bench.abandon();
    };
    return { machine, keptId: fileId, end };
  }

  it.each([1, 2, 3, 4])(
    'killed before unlink number %i, and so before it forgot any, is done again',
    async (number) => {
      const { machine, keptId, end } = await heldAtUnlink(number);
      const next = await openBench(killed(machine));
      await end();
      expect((await storedChunks(next)).length).toBeLessThan(7);
      await pass(next.collector);
      expect(await storedChunks(next)).toEqual(chunkIdsOf(KEPT));
      expect(await readOutcome(next.files, keptId, KEPT)).toBe('whole');
      await next.close();
    },
  );

  it.each([1, 2, 3, 4])('cut off by the power before unlink number %i loses nothing but garbage', async (number) => {
    const { machine, keptId, end } = await heldAtUnlink(number);
    await afterPowerCuts(machine, async (after) => {
      expect(await readOutcome(after.files, keptId, KEPT)).toBe('whole');
      await pass(after.collector);
      await passAfterGrace(after);
      expect(await storedChunks(after)).toEqual(chunkIdsOf(KEPT));
      expect(await readOutcome(after.files, keptId, KEPT)).toBe('whole');
    });
    await end();
  });

  it('whose unlinks a power cut took back, and whose forgetting it kept, is done again after a sweep', async () => {
    const machine = await heldMachine();
    const bench = await openBench(machine);
    const { fileId } = await put(bench.files, 'kept', KEPT);
    await bench.files.delete((await put(bench.files, 'a', bytesOf('a', 4))).fileId);
    await passAfterGrace(bench);
    expect(await storedChunks(bench)).toEqual(chunkIdsOf(KEPT));
    bench.parts.catalog.makeDurable();
    let taken = 0;
    await afterPowerCuts(machine, async (after) => {
      if ((await storedChunks(after)).length > 2) taken += 1;
      await pass(after.collector);
      await passAfterGrace(after);
      expect(await storedChunks(after)).toEqual(chunkIdsOf(KEPT));
      expect(await readOutcome(after.files, fileId, KEPT)).toBe('whole');
    });
    expect(taken).toBeGreaterThan(0);
    await bench.close();
  });

  it('sweeps during an upload, and takes nothing of it for an orphan', async () => {
    const machine = await heldMachine();
    const bench = await openBench(machine);
    const sync = machine.fs.hold('syncDirectory', /\/chunks\//);
    const uploading = put(bench.files, 'kept', KEPT);
    await sync.reached;
    expect(await storedChunks(bench)).toHaveLength(2);
    await pass(bench.collector);
    expect(bench.parts.catalog.garbage.page({ untilMs: Number.MAX_SAFE_INTEGER, limit: 9 })).toEqual([]);
    sync.release();
    expect(await readOutcome(bench.files, (await uploading).fileId, KEPT)).toBe('whole');
    await bench.close();
  });

  it('sweeps again every day, and finds what it has never been told of', async () => {
    const machine = await heldMachine();
    const bench = await openBench(machine);
    await pass(bench.collector);
    const [chunkId] = chunkIdsOf(bytesOf('stranger', 1));
    await bench.parts.primary.put({ kind: 'chunk', id: chunkId! }, bytesOf('stranger', 1));
    await passAfterGrace(bench);
    await passAfterGrace(bench);
    expect(await storedChunks(bench)).toEqual([chunkId]);
    machine.clock.nowMs += DAY_MS;
    await pass(bench.collector);
    await passAfterGrace(bench);
    expect(await storedChunks(bench)).toEqual([]);
    await bench.close();
  });
});
