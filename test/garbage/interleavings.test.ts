/**
 * Uploads, deletes, downloads and collections at once, in a seeded random order and with seeded delays in every call of
 * the disk, against a model: what refers to a chunk keeps it, and what nothing refers to is gone in the end.
 */
import { CrashFileSystem, SeededRandom } from '#libs/durable-fs/testing';
import type { DiskSnapshot } from '#libs/durable-fs/testing';
import { StoreError } from '#libs/kernel';
import type { FileId } from '#libs/kernel';
import { setImmediate } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { installedMachine } from '../states/machine.js';
import {
  afterPowerCuts,
  chunkBytes,
  chunkIdsOf,
  GRACE_MS,
  openBench,
  pass,
  passAfterGrace,
  put,
  readOutcome,
  storedChunks,
} from './bench.js';
import type { Bench } from './bench.js';

const SEEDS = Array.from({ length: 24 }, (_, index) => index + 1);
const ORDERS = 240;
/** So few, that most uploads share chunks with files, with garbage and with each other. */
const CHUNKS = Array.from({ length: 7 }, (_, index) => chunkBytes(`chunk ${index}`));
/** More, and every chunk would always have a reference. */
const MOST_FILES = 4;
const MOST_CHUNKS = 3;
const MOST_DELAY_TURNS = 12;

/** Every call that changes a name takes its own time, so that operations overtake each other everywhere. */
class DawdlingFileSystem extends CrashFileSystem {
  readonly #random: SeededRandom;

  constructor(snapshot: DiskSnapshot, seed: number) {
    super({ snapshot });
    this.#random = new SeededRandom(seed);
  }

  override async rename(from: string, to: string): Promise<void> {
    await this.#dawdle();
    await super.rename(from, to);
  }

  override async unlink(path: string): Promise<void> {
    await this.#dawdle();
    await super.unlink(path);
  }

  override async readDirectory(path: string): Promise<string[]> {
    const names = await super.readDirectory(path);
    if (path.includes('/chunks/') && this.#random.below(40) === 0) await this.#dawdle();
    return names;
  }

  async #dawdle(): Promise<void> {
    for (let turns = this.#random.below(MOST_DELAY_TURNS); turns > 0; turns -= 1) await setImmediate();
  }
}

class Player {
  readonly #bench: Bench;
  readonly #random: SeededRandom;
  /** Acknowledged, and not being deleted. */
  readonly files = new Map<FileId, Buffer>();
  readonly faults: string[] = [];
  collected = 0;
  #stepping = false;
  #uploads = 0;

  constructor(bench: Bench, random: SeededRandom) {
    this.#bench = bench;
    this.#random = random;
  }

  /** One order, begun and not waited for. */
  order(): Promise<void> {
    const choice = this.#random.below(12);
    if (this.files.size >= MOST_FILES || choice < 2) return this.#delete();
    if (choice < 5) return this.#upload();
    if (choice < 6) return this.#download();
    if (choice < 8) return this.#passTime();
    return this.#collect();
  }

  async #upload(): Promise<void> {
    const { files, machine } = this.#bench;
    const count = 1 + this.#random.below(MOST_CHUNKS);
    const bytes = Buffer.concat(Array.from({ length: count }, () => CHUNKS[this.#random.below(CHUNKS.length)]!));
    this.#uploads += 1;
    if (this.#random.below(6) === 0) {
      machine.fs.failNext({ operation: 'syncDirectory', pathPattern: /\/chunks\//, errorCode: 'EIO' });
    }
    const receipt = await put(files, `file ${this.#uploads}`, bytes).catch((error: unknown) => {
      // Its own disk fault, or that of another upload at the same time; nothing was acknowledged.
      if (!StoreError.is(error, 'store_write_failed')) this.faults.push(String(error));
    });
    if (receipt !== undefined) this.files.set(receipt.fileId, bytes);
  }

  async #delete(): Promise<void> {
    const fileId = this.#anyFile();
    if (fileId === undefined) return;
    this.files.delete(fileId);
    await this.#bench.files.delete(fileId);
  }

  async #download(): Promise<void> {
    const fileId = this.#anyFile();
    if (fileId === undefined) return;
    const bytes = this.files.get(fileId)!;
    const outcome = await readOutcome(this.#bench.files, fileId, bytes);
    const mayBeGone = !this.files.has(fileId);
    if (outcome !== 'whole' && !(mayBeGone && outcome === 'file_not_found')) this.faults.push(`a download: ${outcome}`);
  }

  async #passTime(): Promise<void> {
    const { clock } = this.#bench.machine;
    clock.nowMs += this.#random.below(4) === 0 ? -GRACE_MS : GRACE_MS;
  }

  async #collect(): Promise<void> {
    if (this.#stepping) return;
    this.#stepping = true;
    const before = (await storedChunks(this.#bench)).length;
    await this.#bench.collector.step();
    this.collected += Math.max(before - (await storedChunks(this.#bench)).length, 0);
    this.#stepping = false;
  }

  #anyFile(): FileId | undefined {
    return [...this.files.keys()][this.#random.below(Math.max(this.files.size, 1))];
  }
}

async function faultsIn({ files }: Bench, expected: ReadonlyMap<FileId, Buffer>): Promise<string[]> {
  const faults: string[] = [];
  for (const [fileId, bytes] of expected) {
    const outcome = await readOutcome(files, fileId, bytes);
    if (outcome !== 'whole') faults.push(`${fileId}: ${outcome}`);
  }
  return faults;
}

let seedsThatCollected = 0;

it.each(SEEDS)('every chunk that is referenced stays and every other goes, seed %i', async (seed) => {
  const random = new SeededRandom(seed);
  const machine = await installedMachine();
  const fs = new DawdlingFileSystem(machine.fs.snapshot(), seed);
  const bench = await openBench({ ...machine, fs });
  const player = new Player(bench, random);
  const underWay = new Set<Promise<void>>();
  for (let order = 0; order < ORDERS; order += 1) {
    const doing = player.order().finally(() => underWay.delete(doing));
    underWay.add(doing);
    for (let turns = random.below(8); turns > 0; turns -= 1) await setImmediate();
    if (random.below(30) === 0) {
      await Promise.all(underWay);
      player.faults.push(...(await faultsIn(bench, player.files)));
      await bench.parts.checkpointer.run();
    }
  }
  await Promise.all(underWay);
  fs.clearFaults();
  expect(player.faults).toEqual([]);
  expect(await faultsIn(bench, player.files)).toEqual([]);
  await afterPowerCuts(bench.machine, async (after) => {
    await pass(after.collector);
    await passAfterGrace(after);
    expect(await faultsIn(after, player.files)).toEqual([]);
  });

  // The first ends what was under way, and only a whole one finds what the clock has left in the future.
  for (let round = 0; round < 2; round += 1) await pass(bench.collector);
  await passAfterGrace(bench);
  const referenced = new Set([...player.files.values()].flatMap(chunkIdsOf));
  expect(await storedChunks(bench)).toEqual([...referenced].sort());
  expect(await faultsIn(bench, player.files)).toEqual([]);
  if (player.collected > 0) seedsThatCollected += 1;
  await bench.close();
});

// Runs in which nothing was collected while others worked would prove nothing.
it('and in most of these, chunks went while others worked', () => {
  expect(seedsThatCollected / SEEDS.length).toBeGreaterThan(0.75);
});
