/**
 * A re-upload of the same bytes racing the collection of the old chunk, held open at every step of both. Whoever comes
 * first, the upload is whole, now and after a power cut.
 */
import { GarbageCollector } from '#libs/maintenance';
import { silentLog } from '#libs/telemetry';
import { describe, expect, it } from 'vitest';
import {
  afterPowerCuts,
  bytesOf,
  CHUNK_PATH,
  chunkIdsOf,
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

const BYTES = bytesOf('the same bytes', 3);
const CHUNK_IDS = chunkIdsOf(BYTES);

/** The chunks of a deleted file, whose grace is over. */
async function withGarbage(): Promise<{ machine: HeldMachine; bench: Bench }> {
  const machine = await heldMachine();
  const bench = await openBench(machine);
  await bench.files.delete((await put(bench.files, 'old', BYTES)).fileId);
  machine.clock.nowMs += GRACE_MS;
  return { machine, bench };
}

/** The upload was acknowledged: its file is whole in this process and whatever a power cut leaves, and stays so. */
async function expectWhole(bench: Bench, fileId: Parameters<typeof readOutcome>[1]): Promise<void> {
  expect(await readOutcome(bench.files, fileId, BYTES)).toBe('whole');
  await passAfterGrace(bench);
  expect(await readOutcome(bench.files, fileId, BYTES)).toBe('whole');
  await afterPowerCuts(bench.machine, async (after) => {
    await pass(after.collector);
    await passAfterGrace(after);
    expect(await readOutcome(after.files, fileId, BYTES)).toBe('whole');
  });
}

async function finished(promise: Promise<unknown>): Promise<boolean> {
  let done = false;
  void promise.then(() => (done = true));
  await settle();
  return done;
}

describe('a re-upload of the same bytes racing the collection of the old chunk', () => {
  it('the collection comes and goes before the upload has pinned', async () => {
    const { bench } = await withGarbage();
    const staged = Promise.withResolvers<void>();
    const uploading = put(bench.files, 'new', BYTES, staged.promise);
    await settle();
    await pass(bench.collector);
    expect(await storedChunks(bench)).toEqual([]);
    staged.resolve();
    await expectWhole(bench, (await uploading).fileId);
    await bench.close();
  });

  it.each([1, 2, 3])('the collection comes between pin and rename number %i', async (number) => {
    const { machine, bench } = await withGarbage();
    const renames = Array.from({ length: number }, () => machine.fs.hold('rename', CHUNK_PATH));
    const uploading = put(bench.files, 'new', BYTES);
    for (const rename of renames.slice(0, -1)) {
      await rename.reached;
      rename.release();
    }
    await renames.at(-1)!.reached;
    await pass(bench.collector);
    expect(await storedChunks(bench)).toEqual(CHUNK_IDS);
    renames.at(-1)!.release();
    await expectWhole(bench, (await uploading).fileId);
    await bench.close();
  });

  it('the collection comes between the renames and the append', async () => {
    const { machine, bench } = await withGarbage();
    const sync = machine.fs.hold('syncDirectory', /\/chunks\//);
    const uploading = put(bench.files, 'new', BYTES);
    await sync.reached;
    await pass(bench.collector);
    expect(await storedChunks(bench)).toEqual(CHUNK_IDS);
    sync.release();
    await expectWhole(bench, (await uploading).fileId);
    await bench.close();
  });

  it.each([1, 2, 3])('the upload comes between the look and unlink number %i', async (number) => {
    const { machine, bench } = await withGarbage();
    const unlinks = Array.from({ length: number }, () => machine.fs.hold('unlink', CHUNK_PATH));
    const collecting = pass(bench.collector);
    for (const unlink of unlinks.slice(0, -1)) {
      await unlink.reached;
      unlink.release();
    }
    await unlinks.at(-1)!.reached;
    const uploading = put(bench.files, 'new', BYTES);
    // Answered now, its file would be on the way to lose a chunk.
    expect(await finished(uploading)).toBe(false);
    unlinks.at(-1)!.release();
    await collecting;
    await expectWhole(bench, (await uploading).fileId);
    await bench.close();
  });

  it('the upload comes between the look and an unlink that fails', async () => {
    const { machine, bench } = await withGarbage();
    machine.fs.failNext({ operation: 'unlink', pathPattern: CHUNK_PATH, errorCode: 'EIO', times: 3 });
    const unlink = machine.fs.hold('unlink', CHUNK_PATH);
    const collecting = pass(bench.collector);
    await unlink.reached;
    const uploading = put(bench.files, 'new', BYTES);
    unlink.release();
    await collecting;
    await expectWhole(bench, (await uploading).fileId);
    await bench.close();
  });

  it('two uploads, one before and one behind the collection, and the first fails', async () => {
    const { machine, bench } = await withGarbage();
    const rename = machine.fs.hold('rename', CHUNK_PATH);
    const first = put(bench.files, 'first', BYTES);
    await rename.reached;
    const sync = machine.fs.hold('syncDirectory', /\/chunks\//);
    const second = put(bench.files, 'second', BYTES);
    await sync.reached;
    machine.fs.failNext({ operation: 'rename', pathPattern: CHUNK_PATH, errorCode: 'EIO' });
    rename.release();
    await expect(first).rejects.toMatchObject({ code: 'store_write_failed' });
    // The first one's pins are gone, the second one's are not.
    await pass(bench.collector);
    expect(await storedChunks(bench)).toEqual(CHUNK_IDS);
    sync.release();
    await expectWhole(bench, (await second).fileId);
    await bench.close();
  });

  it('and the delete of the re-upload comes during the unlinks of others: its chunks are found again', async () => {
    const machine = await heldMachine();
    const bench = await openBench(machine);
    const others = bytesOf('others', 2);
    // The sweep of the start is over: it would find again what is forgotten now.
    await pass(bench.collector);
    // Rows of chunks that have a reference again, beside rows of true garbage.
    await bench.files.delete((await put(bench.files, 'old', BYTES)).fileId);
    const { fileId: again } = await put(bench.files, 'again', BYTES);
    await bench.files.delete((await put(bench.files, 'others', others)).fileId);
    machine.clock.nowMs += GRACE_MS;
    const unlink = machine.fs.hold('unlink', CHUNK_PATH);
    const collecting = pass(bench.collector);
    await unlink.reached;
    await bench.files.delete(again);
    unlink.release();
    await collecting;
    expect(await storedChunks(bench)).toEqual(CHUNK_IDS);
    await passAfterGrace(bench);
    expect(await storedChunks(bench)).toEqual([]);
    await bench.close();
  });
});

describe('an upload whose outcome is unknown', () => {
  /** One that does not know that outcomes are unknown: what keeps the chunks then are the pins alone. */
  const heedless = ({ parts, machine }: Bench) =>
    new GarbageCollector({
      ...parts,
      wal: { poisoned: false },
      applier: { halted: false },
      clock: machine.clock,
      log: silentLog,
      graceMs: GRACE_MS,
    });

  it('keeps its chunks: the barrier of its record failed, and the next start finds the file whole', async () => {
    const { machine, bench } = await withGarbage();
    const sync = machine.fs.hold('syncDirectory', /\/chunks\//);
    const uploading = put(bench.files, 'new', BYTES).catch((error: unknown) => error);
    await sync.reached;
    machine.fs.failNext({ operation: 'dataSync', pathPattern: /\/segments\//, errorCode: 'EIO' });
    sync.release();
    expect(await uploading).toMatchObject({ code: 'outcome_unknown' });
    expect(await bench.collector.step()).toBe('held');
    const collector = heedless(bench);
    await pass(collector);
    machine.clock.nowMs += 10 * GRACE_MS;
    await pass(collector);
    expect(await storedChunks(bench)).toEqual(CHUNK_IDS);
    // The record was written, so a process that starts on the same machine may find it.
    const { context } = (await uploading) as { context: { file_id: never } };
    await bench.abandon();
    const next = await openBench({ ...machine, fs: machine.fs.killed(), catalogs: machine.catalogs.killed() });
    expect(next.files.stat(context.file_id).fileName).toBe('new');
    await pass(next.collector);
    await passAfterGrace(next);
    expect(await readOutcome(next.files, context.file_id, BYTES)).toBe('whole');
    await next.close();
  });

  it('keeps its chunks until apply, which was halted, goes on', async () => {
    const { machine, bench } = await withGarbage();
    machine.fs.failNext({ operation: 'replaceFile', pathPattern: /\/manifests\//, errorCode: 'EIO', times: Infinity });
    const error = await put(bench.files, 'new', BYTES).catch((failure: unknown) => failure);
    expect(error).toMatchObject({ code: 'outcome_unknown' });
    const collector = heedless(bench);
    await pass(collector);
    machine.clock.nowMs += 10 * GRACE_MS;
    await pass(collector);
    expect(await storedChunks(bench)).toEqual(CHUNK_IDS);
    machine.fs.clearFaults();
    await expect.poll(() => bench.parts.applier.halted, { timeout: 15_000 }).toBe(false);
    const { context } = error as { context: { file_id: never } };
    expect(CHUNK_IDS.map((chunkId) => bench.parts.primary.guard.isPinned(chunkId))).toEqual([false, false, false]);
    await expectWhole(bench, context.file_id);
    await bench.close();
  });
});
