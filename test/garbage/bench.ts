/** A booted installation on a machine in memory, with its garbage collector, driven step by step. */
import { ModelledCatalogs } from '#libs/catalog/testing';
import { crashStates } from '#libs/durable-fs/testing';
import type { FileReceipt, FileStore } from '#libs/file-store';
import { StoreError } from '#libs/kernel';
import type { ChunkId, FileId } from '#libs/kernel';
import { GarbageCollector } from '#libs/maintenance';
import { silentLog } from '#libs/telemetry';
import { createHash } from 'node:crypto';
import { setImmediate } from 'node:timers/promises';
import { CHUNK_SIZE, installedMachine, start, TestClock } from '../states/machine.js';
import type { Machine, RunningStore } from '../states/machine.js';
import { HeldFileSystem } from './held-file-system.js';

export const GRACE_MS = 600_000;
/** Power cuts looked at in one place. */
const MOST_STATES = 12;
export const DAY_MS = 24 * 60 * 60 * 1000;
export const CHUNK_PATH = /\/chunks\/..\/[0-9a-f]{64}$/;

export interface HeldMachine extends Machine {
  readonly fs: HeldFileSystem;
}

export interface Bench extends RunningStore {
  readonly machine: Machine;
  readonly collector: GarbageCollector;
}

export async function heldMachine(): Promise<HeldMachine> {
  const machine = await installedMachine();
  return { ...machine, fs: new HeldFileSystem({ snapshot: machine.fs.snapshot() }) };
}

export async function openBench(machine: Machine, graceMs = GRACE_MS): Promise<Bench> {
  const store = await start(machine);
  const collector = new GarbageCollector({ ...store.parts, clock: machine.clock, log: silentLog, graceMs });
  return { ...store, machine, collector };
}

/** A whole pass; throws where the collector is held. */
export async function pass(collector: GarbageCollector): Promise<void> {
  for (let step = 0; step < 1000; step += 1) {
    const outcome = await collector.step();
    if (outcome === 'held') throw new Error('the collection is held');
    if (outcome === 'idle') return;
  }
  throw new Error('the pass does not end');
}

/** Lets the time pass that garbage of now has to wait, and collects it. */
export async function passAfterGrace({ machine, collector }: Bench): Promise<void> {
  machine.clock.nowMs += GRACE_MS;
  await pass(collector);
}

/** Bytes that fill `chunkCount` chunks, each a different one; the same seed gives the same chunks. */
export function bytesOf(seed: string, chunkCount: number): Buffer {
  return Buffer.concat(Array.from({ length: chunkCount }, (_, index) => chunkBytes(`${seed} ${index}`)));
}

export const chunkBytes = (seed: string): Buffer =>
  Buffer.alloc(CHUNK_SIZE, createHash('sha256').update(seed).digest());

export function chunkIdsOf(bytes: Buffer): ChunkId[] {
  const ids: ChunkId[] = [];
  for (let at = 0; at < bytes.length; at += CHUNK_SIZE) {
    const chunk = bytes.subarray(at, at + CHUNK_SIZE);
    ids.push(createHash('sha256').update(chunk).digest('hex') as ChunkId);
  }
  return [...new Set(ids)].sort();
}

/** `open` keeps the body from ending until it resolves: the chunks are staged by then, and not published. */
export function put(files: FileStore, fileName: string, bytes: Buffer, open?: Promise<void>): Promise<FileReceipt> {
  async function* body(): AsyncGenerator<Buffer> {
    yield bytes;
    await open;
  }
  return files.upload({ fileName, contentType: 'text/plain', declaredBytes: bytes.length, body: body() });
}

export async function get(files: FileStore, fileId: FileId): Promise<Buffer> {
  const pieces: Buffer[] = [];
  await files.read(fileId, {
    select: ({ fileSize }) => [{ start: 0, end: fileSize }],
    write: async (bytes) => void pieces.push(Buffer.from(bytes)),
  });
  return Buffer.concat(pieces);
}

/** What a read comes to: `whole`, `other bytes`, or the code of its error. */
export async function readOutcome(files: FileStore, fileId: FileId, expected: Buffer): Promise<string> {
  try {
    return (await get(files, fileId)).equals(expected) ? 'whole' : 'other bytes';
  } catch (error) {
    if (StoreError.is(error)) return error.code;
    throw error;
  }
}

export async function storedChunks({ parts }: RunningStore): Promise<string[]> {
  return [...(await parts.primary.list('chunk', { limit: 100_000 })).ids];
}

export const codeOf = (error: unknown): string => (StoreError.is(error) ? error.code : String(error));

/** Whatever is not held has its turn. */
export async function settle(): Promise<void> {
  for (let turn = 0; turn < 50; turn += 1) await setImmediate();
}

/** Boots after each of a few power cuts at this instant: the disk kept some of what was not synced, the catalog its oldest or newest. */
export async function afterPowerCuts(
  { fs, catalogs, clock }: Machine,
  look: (bench: Bench) => Promise<void>,
): Promise<void> {
  const snapshot = fs.snapshot();
  const images = catalogs.images();
  let number = 0;
  for (const { fileSystem } of crashStates(snapshot, { limit: MOST_STATES })) {
    number += 1;
    const image = images.at(number % 2 === 0 ? 0 : -1);
    const machine = { fs: fileSystem, catalogs: new ModelledCatalogs(image), clock: new TestClock(clock.nowMs) };
    const bench = await openBench(machine);
    await look(bench);
    await bench.abandon();
  }
}
