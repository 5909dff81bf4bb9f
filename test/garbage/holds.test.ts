/** Where references may be missing from the catalog nothing is collected: somebody may put back what refers to a chunk. */
import { ModelledCatalogs } from '#libs/catalog/testing';
import { crashStates } from '#libs/durable-fs/testing';
import type { CrashFileSystem } from '#libs/durable-fs/testing';
import type { FileId } from '#libs/kernel';
import { describe, expect, it } from 'vitest';
import { installedMachine, seeReplicas, WAL_PATH } from '../states/machine.js';
import type { Machine } from '../states/machine.js';
import { bytesOf, GRACE_MS, openBench, pass, passAfterGrace, put, readOutcome, storedChunks } from './bench.js';
import type { Bench } from './bench.js';

const BYTES = bytesOf('shared', 3);

async function steps({ machine, collector }: Bench): Promise<string[]> {
  const first = await collector.step();
  machine.clock.nowMs += 10 * GRACE_MS;
  return [first, await collector.step()];
}

const withoutCatalog = (machine: Machine): Machine => ({ ...machine, catalogs: new ModelledCatalogs() });

describe('a catalog that was rebuilt while a manifest was damaged', () => {
  /** Two files of the same chunks, and a third one; the manifest of the second is rotten. */
  async function damaged() {
    const machine = await installedMachine();
    const before = await openBench(machine);
    const [first, second] = [await put(before.files, 'first', BYTES), await put(before.files, 'second', BYTES)];
    const other = await put(before.files, 'other', bytesOf('other', 2));
    const manifest = before.parts.primary.pathOf({ kind: 'manifest', id: second.fileId });
    await before.close();
    machine.fs.rot(manifest, 100);
    const bench = await openBench(withoutCatalog(machine));
    expect(bench.parts.report.damagedManifests).toBe(1);
    return { bench, manifest, first, second, other };
  }

  it('holds the collection of everything, also through restarts: deleted files may share chunks with it', async () => {
    const { bench, manifest, first, second, other } = await damaged();
    await bench.files.delete(first.fileId);
    await bench.files.delete(other.fileId);
    expect(await steps(bench)).toEqual(['held', 'held']);
    await bench.close();
    const again = await openBench(bench.machine);
    expect(again.parts.report.damagedManifests).toBe(0);
    expect(await steps(again)).toEqual(['held', 'held']);
    expect(await storedChunks(again)).toHaveLength(5);
    await again.close();

    // The same byte inverted again: the manifest is back.
    bench.machine.fs.rot(manifest, 100);
    const healed = await openBench(withoutCatalog(bench.machine));
    expect(healed.collector.holds).toEqual(['unseen_replicas']);
    seeReplicas(healed);
    await pass(healed.collector);
    await passAfterGrace(healed);
    expect(await readOutcome(healed.files, second.fileId, BYTES)).toBe('whole');
    expect(await storedChunks(healed)).toHaveLength(3);
    await healed.close();
  });

  it('holds nothing where a power cut had damaged it and the replay wrote it anew', async () => {
    const machine = await installedMachine();
    const before = await openBench(machine);
    const { fileId } = await put(before.files, 'a', BYTES);
    const gone = await put(before.files, 'gone', bytesOf('gone', 1));
    await before.files.delete(gone.fileId);
    const { primary } = before.parts;
    for (const id of [fileId, gone.fileId]) {
      const path = primary.pathOf({ kind: 'manifest', id });
      await machine.fs.replaceFile(path, Buffer.alloc(100), '/primary/staging/torn.tmp');
    }
    const next = { ...withoutCatalog(machine), fs: machine.fs.killed() };
    await before.abandon();
    const bench = await openBench(next);
    expect(bench.parts.report.damagedManifests).toBe(2);
    expect(bench.collector.holds).toEqual(['unseen_replicas']);
    seeReplicas(bench);
    await pass(bench.collector);
    await passAfterGrace(bench);
    expect(await storedChunks(bench)).toHaveLength(3);
    expect(await readOutcome(bench.files, fileId, BYTES)).toBe('whole');
    await bench.close();
  });

  it('holds on where the replay wrote anew only one of two', async () => {
    const { bench, first } = await damaged();
    await bench.abandon();
    const { machine } = bench;
    const path = bench.parts.primary.pathOf({ kind: 'manifest', id: first.fileId });
    const again = await openBench(machine);
    const late = await put(again.files, 'late', bytesOf('late', 1));
    const latePath = again.parts.primary.pathOf({ kind: 'manifest', id: late.fileId });
    await machine.fs.replaceFile(latePath, Buffer.alloc(100), '/primary/staging/torn.tmp');
    expect(path).not.toBe(latePath);
    const next = { ...withoutCatalog(machine), fs: machine.fs.killed() };
    await again.abandon();
    const last = await openBench(next);
    expect(last.parts.report.damagedManifests).toBe(2);
    expect(last.collector.holds).toEqual(['damaged_manifests', 'unseen_replicas']);
    await last.close();
  });
});

describe('a log that was gone', () => {
  type Files = Map<string, Buffer>;

  async function takeLog(fs: CrashFileSystem): Promise<Files> {
    const files: Files = new Map();
    for (const path of Object.keys(fs.tree())) {
      if (!path.startsWith(`${WAL_PATH}/`) || path.endsWith('/')) continue;
      files.set(path, await fs.readFile(path));
      await fs.unlink(path);
    }
    return files;
  }

  async function putBack(fs: CrashFileSystem, files: Files): Promise<void> {
    await takeLog(fs);
    for (const [path, bytes] of files) await fs.replaceFile(path, bytes, '/wal/back.tmp');
  }

  /** After a power cut that kept what was synced alone: the record of the last file, and not its manifest. */
  async function lostLog(): Promise<{ machine: Machine; log: Files; oldId: FileId; lateId: FileId }> {
    const machine = await installedMachine();
    const before = await openBench(machine);
    const old = await put(before.files, 'old', bytesOf('old', 1));
    await before.parts.checkpointer.run();
    const late = await put(before.files, 'late', BYTES);
    const [everythingLost] = crashStates(machine.fs.snapshot(), { limit: 1 });
    await before.abandon();
    const fs = everythingLost!.fileSystem;
    const log = await takeLog(fs);
    return { machine: { ...machine, fs }, log, oldId: old.fileId, lateId: late.fileId };
  }

  it.each(['and the catalog, too', 'and the boot that saw it was killed', 'alone'])(
    'holds the collection until everything is back: %s',
    async (what) => {
      const lost = await lostLog();
      const { log, oldId, lateId } = lost;
      const machine = what === 'and the catalog, too' ? withoutCatalog(lost.machine) : lost.machine;
      if (what === 'and the boot that saw it was killed') {
        // Killed after the new log was made and before the catalog knew of it.
        const bench = await openBench(withoutCatalog(machine));
        await bench.abandon();
      }
      const bench = await openBench(machine);
      expect(await readOutcome(bench.files, lateId, BYTES)).toBe('file_not_found');
      expect(await steps(bench)).toEqual(['held', 'held']);
      await bench.close();
      const again = await openBench(machine);
      expect(await steps(again)).toEqual(['held', 'held']);
      await again.close();

      await putBack(machine.fs, log);
      const whole = await openBench(machine);
      expect(await readOutcome(whole.files, lateId, BYTES)).toBe('whole');
      // Another log again: one more rebuild, with everything in place, ends the hold.
      expect(await steps(whole)).toEqual(['held', 'held']);
      await whole.close();
      const last = await openBench(withoutCatalog(machine));
      expect(last.collector.holds).toEqual(['unseen_replicas']);
      seeReplicas(last);
      await pass(last.collector);
      await passAfterGrace(last);
      expect(await readOutcome(last.files, lateId, BYTES)).toBe('whole');
      expect(await readOutcome(last.files, oldId, bytesOf('old', 1))).toBe('whole');
      await last.close();
    },
  );

  it('holds nothing in an installation that is new', async () => {
    const bench = await openBench(await installedMachine());
    expect(bench.collector.holds).toEqual([]);
    expect(await bench.collector.step()).toBe('busy');
    await bench.close();
  });
});
