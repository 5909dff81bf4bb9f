/** What a collection removes, and what it never does. */
import { describe, expect, it } from 'vitest';
import { installedMachine } from '../states/machine.js';
import {
  bytesOf,
  chunkBytes,
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
  storedChunks,
} from './bench.js';

describe('the chunks of a deleted file', () => {
  it('stay for the grace, and then their bytes are free', async () => {
    const bench = await openBench(await installedMachine());
    const { fileId } = await put(bench.files, 'a', bytesOf('a', 5));
    await bench.files.delete(fileId);
    const deletedAtMs = bench.machine.clock.nowMs;
    await pass(bench.collector);
    bench.machine.clock.nowMs = deletedAtMs + GRACE_MS - 1000;
    await pass(bench.collector);
    expect(await storedChunks(bench)).toHaveLength(5);
    bench.machine.clock.nowMs = deletedAtMs + GRACE_MS;
    await pass(bench.collector);
    expect(await storedChunks(bench)).toEqual([]);
    expect(bench.parts.catalog.garbage.page({ untilMs: Number.MAX_SAFE_INTEGER, limit: 9 })).toEqual([]);
    await bench.close();
  });

  it('are more than one step takes, and all go', async () => {
    const bench = await openBench(await installedMachine());
    const kept = bytesOf('kept', 3);
    const { fileId } = await put(bench.files, 'large', bytesOf('large', 300));
    const { fileId: keptId } = await put(bench.files, 'kept', kept);
    await bench.files.delete(fileId);
    bench.machine.clock.nowMs += GRACE_MS;
    expect([await bench.collector.step(), (await storedChunks(bench)).length > 3]).toEqual(['busy', true]);
    await pass(bench.collector);
    expect(await storedChunks(bench)).toEqual(chunkIdsOf(kept));
    expect(await readOutcome(bench.files, keptId, kept)).toBe('whole');
    await bench.close();
  });

  it('that another file has too stay until that one is deleted', async () => {
    const bench = await openBench(await installedMachine());
    const common = chunkBytes('common');
    const first = Buffer.concat([common, chunkBytes('first')]);
    const second = Buffer.concat([chunkBytes('second'), common, common]);
    const [a, b] = [await put(bench.files, 'a', first), await put(bench.files, 'b', second)];
    await bench.files.delete(a.fileId);
    await passAfterGrace(bench);
    expect(await storedChunks(bench)).toEqual(chunkIdsOf(second));
    expect(await readOutcome(bench.files, b.fileId, second)).toBe('whole');
    await bench.files.delete(b.fileId);
    await passAfterGrace(bench);
    expect(await storedChunks(bench)).toEqual([]);
    await bench.close();
  });

  it('that were uploaded again before the grace was over stay', async () => {
    const bench = await openBench(await installedMachine());
    const bytes = bytesOf('a', 4);
    await bench.files.delete((await put(bench.files, 'a', bytes)).fileId);
    const again = await put(bench.files, 'again', bytes);
    await passAfterGrace(bench);
    expect(await readOutcome(bench.files, again.fileId, bytes)).toBe('whole');
    expect(bench.parts.catalog.garbage.page({ untilMs: Number.MAX_SAFE_INTEGER, limit: 9 })).toEqual([]);
    await bench.files.delete(again.fileId);
    await pass(bench.collector);
    expect(await storedChunks(bench)).toHaveLength(4);
    await passAfterGrace(bench);
    expect(await storedChunks(bench)).toEqual([]);
    await bench.close();
  });

  it('go in the next pass where the disk refused once', async () => {
    const bench = await openBench(await installedMachine());
    await bench.files.delete((await put(bench.files, 'a', bytesOf('a', 6))).fileId);
    bench.machine.fs.failNext({ operation: 'unlink', pathPattern: /\/chunks\//, errorCode: 'EIO', times: 2 });
    await passAfterGrace(bench);
    expect(await storedChunks(bench)).toHaveLength(2);
    await pass(bench.collector);
    expect(await storedChunks(bench)).toEqual([]);
    await bench.close();
  });
});

describe('a duplicate upload onto a rotten chunk', () => {
  it.each(['referenced', 'garbage'])('heals it for both files: the chunk is %s', async (state) => {
    const bench = await openBench(await installedMachine());
    const bytes = bytesOf('a', 3);
    const first = await put(bench.files, 'first', bytes);
    if (state === 'garbage') await bench.files.delete(first.fileId);
    const [chunkId] = chunkIdsOf(bytes);
    bench.machine.fs.rot(bench.parts.primary.pathOf({ kind: 'chunk', id: chunkId! }), 17);
    const broken = await readOutcome(bench.files, first.fileId, bytes);
    expect(broken).toBe(state === 'garbage' ? 'file_not_found' : 'chunk_corrupt');
    const second = await put(bench.files, 'second', bytes);
    await passAfterGrace(bench);
    expect(await readOutcome(bench.files, second.fileId, bytes)).toBe('whole');
    const healed = await readOutcome(bench.files, first.fileId, bytes);
    expect(healed).toBe(state === 'garbage' ? 'file_not_found' : 'whole');
    await bench.close();
  });
});

describe('a download that began before the delete', () => {
  it('goes on to its end, and its chunks go after it', async () => {
    const bench = await openBench(await installedMachine());
    const bytes = bytesOf('a', 40);
    const { fileId } = await put(bench.files, 'a', bytes);
    const begun = Promise.withResolvers<void>();
    const goOn = Promise.withResolvers<void>();
    const pieces: Buffer[] = [];
    const reading = bench.files.read(fileId, {
      select: ({ fileSize }) => [{ start: 0, end: fileSize }],
      write: async (piece) => {
        pieces.push(Buffer.from(piece));
        begun.resolve();
        await goOn.promise;
      },
    });
    await begun.promise;
    await bench.files.delete(fileId);
    await passAfterGrace(bench);
    expect(await storedChunks(bench)).toHaveLength(40);
    goOn.resolve();
    await reading;
    expect(Buffer.concat(pieces).equals(bytes)).toBe(true);
    await pass(bench.collector);
    expect(await storedChunks(bench)).toEqual([]);
    await bench.close();
  });

  it('finds no file, rather than a missing chunk, where the collection was faster than its first step', async () => {
    const machine = await heldMachine();
    const bench = await openBench(machine);
    const { fileId } = await put(bench.files, 'a', bytesOf('a', 3));
    const manifestRead = machine.fs.hold('readFile', /\/manifests\//);
    const outcome = readOutcome(bench.files, fileId, Buffer.alloc(0));
    await manifestRead.reached;
    await bench.files.delete(fileId);
    await passAfterGrace(bench);
    manifestRead.release();
    expect(await outcome).toBe('file_not_found');
    await bench.close();
  });

  it('that ends early gives its chunks free', async () => {
    const bench = await openBench(await installedMachine());
    const { fileId } = await put(bench.files, 'a', bytesOf('a', 9));
    const leaving = bench.files.read(fileId, {
      select: ({ fileSize }) => [{ start: 0, end: fileSize }],
      write: () => Promise.reject(new Error('the client is gone')),
    });
    await expect(leaving).rejects.toThrow('the client is gone');
    await bench.files.delete(fileId);
    await passAfterGrace(bench);
    expect(await storedChunks(bench)).toEqual([]);
    await bench.close();
  });
});

describe('an upload that failed for certain', () => {
  it('leaves orphans that go after the grace and not before, without a sweep', async () => {
    const machine = await heldMachine();
    const bench = await openBench(machine);
    // The sweep of the start is over; the next one is a day away.
    await pass(bench.collector);
    const renamed = machine.fs.hold('syncDirectory', /\/chunks\//);
    const uploading = put(bench.files, 'a', bytesOf('a', 4)).catch(codeOf);
    await renamed.reached;
    machine.fs.availableBytes = -1;
    machine.clock.nowMs += 1000;
    renamed.release();
    expect(await uploading).toBe('disk_reserve');
    expect(await storedChunks(bench)).toHaveLength(4);
    await pass(bench.collector);
    machine.clock.nowMs += GRACE_MS - 1000;
    await pass(bench.collector);
    expect(await storedChunks(bench)).toHaveLength(4);
    machine.clock.nowMs += 1000;
    await pass(bench.collector);
    expect(await storedChunks(bench)).toEqual([]);
    await bench.abandon();
  });

  it('because the log refused its record gives its chunks free, too', async () => {
    const machine = await heldMachine();
    const bench = await openBench(machine);
    await pass(bench.collector);
    const published = machine.fs.hold('syncDirectory', /\/chunks\//);
    const uploading = put(bench.files, 'a', bytesOf('a', 4)).catch(codeOf);
    await published.reached;
    machine.fs.failNext({ operation: 'write', pathPattern: /\/segments\//, errorCode: 'EIO' });
    published.release();
    expect(await uploading).toBe('log_write_failed');
    await pass(bench.collector);
    await passAfterGrace(bench);
    expect(await storedChunks(bench)).toEqual([]);
    await bench.close();
  });

  it('takes no chunk from the file that has it already', async () => {
    const machine = await heldMachine();
    const bench = await openBench(machine);
    const bytes = bytesOf('a', 4);
    const { fileId } = await put(bench.files, 'a', bytes);
    machine.fs.failNext({ operation: 'syncDirectory', pathPattern: /\/chunks\//, errorCode: 'EIO' });
    await expect(put(bench.files, 'again', bytes)).rejects.toMatchObject({ code: 'store_write_failed' });
    await pass(bench.collector);
    await passAfterGrace(bench);
    expect(await readOutcome(bench.files, fileId, bytes)).toBe('whole');
    await bench.close();
  });
});

describe('the clock', () => {
  it('put back loses nothing, and keeps garbage no longer than the grace from then', async () => {
    const bench = await openBench(await installedMachine());
    const kept = bytesOf('kept', 2);
    const { fileId: keptId } = await put(bench.files, 'kept', kept);
    await bench.files.delete((await put(bench.files, 'a', bytesOf('a', 3))).fileId);
    bench.machine.clock.nowMs -= 30 * DAY_MS;
    await pass(bench.collector);
    expect(await storedChunks(bench)).toHaveLength(5);
    await passAfterGrace(bench);
    expect(await storedChunks(bench)).toEqual(chunkIdsOf(kept));
    expect(await readOutcome(bench.files, keptId, kept)).toBe('whole');
    await bench.close();
  });

  it('put far forwards removes nothing that is needed: not a file, not an upload, not a download', async () => {
    const machine = await heldMachine();
    const bench = await openBench(machine);
    const [stored, coming] = [bytesOf('stored', 3), bytesOf('coming', 3)];
    const { fileId } = await put(bench.files, 'stored', stored);
    const published = machine.fs.hold('syncDirectory', /\/chunks\//);
    const uploading = put(bench.files, 'coming', coming);
    await published.reached;
    machine.clock.nowMs += 10_000 * DAY_MS;
    await pass(bench.collector);
    machine.clock.nowMs += 10_000 * DAY_MS;
    await pass(bench.collector);
    published.release();
    expect(await readOutcome(bench.files, (await uploading).fileId, coming)).toBe('whole');
    expect(await readOutcome(bench.files, fileId, stored)).toBe('whole');
    await bench.close();
  });
});

describe('while outcomes are unknown', () => {
  it('nothing is collected: the log is poisoned', async () => {
    const bench = await openBench(await installedMachine());
    await bench.files.delete((await put(bench.files, 'a', bytesOf('a', 3))).fileId);
    bench.machine.fs.failNext({ operation: 'dataSync', pathPattern: /\/segments\//, errorCode: 'EIO' });
    expect(await put(bench.files, 'b', Buffer.from('small')).catch(codeOf)).toBe('outcome_unknown');
    bench.machine.clock.nowMs += GRACE_MS;
    expect(await bench.collector.step()).toBe('held');
    expect(await storedChunks(bench)).toHaveLength(3);
    await bench.abandon();
  });

  it('nothing is collected: apply is halted, and goes on', async () => {
    const bench = await openBench(await installedMachine());
    await bench.files.delete((await put(bench.files, 'a', bytesOf('a', 3))).fileId);
    bench.machine.fs.failNext({ operation: 'replaceFile', errorCode: 'ENOSPC', times: Infinity });
    expect(await put(bench.files, 'b', Buffer.from('small')).catch(codeOf)).toBe('outcome_unknown');
    bench.machine.clock.nowMs += GRACE_MS;
    expect(await bench.collector.step()).toBe('held');
    bench.machine.fs.clearFaults();
    await expect.poll(() => bench.parts.applier.halted, { timeout: 15_000 }).toBe(false);
    await pass(bench.collector);
    expect(await storedChunks(bench)).toEqual([]);
    await bench.close();
  });
});
