/**
 * A machine whose power can be cut: a disk in memory, a modelled place for the catalog, and the whole installation booted
 * on the two, from its own code. Everything is small (chunks, segments, what rides in a record), so that a short life
 * passes through every kind of step and leaves few bytes to lose.
 */
import { ModelledCatalogs } from '#libs/catalog/testing';
import type { CatalogImage } from '#libs/catalog/testing';
import { CrashFileSystem } from '#libs/durable-fs/testing';
import type { DiskSnapshot } from '#libs/durable-fs/testing';
import { FileCache, FileStore } from '#libs/file-store';
import { newUuid } from '#libs/kernel';
import type { Clock, StoreId } from '#libs/kernel';
import { GarbageCollector } from '#libs/maintenance';
import { boot } from '#libs/recovery';
import type { OpenInstallation } from '#libs/recovery';
import { DirectoryPlace, writeIdentity } from '#libs/stores';
import { silentLog } from '#libs/telemetry';

export const CHUNK_SIZE = 512;
export const INLINE_MAX = 200;
export const SEGMENT_SIZE = 4096;
/** How long garbage waits before it is collected. */
export const GRACE_MS = 600_000;
export const PRIMARY_PATH = '/primary';
export const WAL_PATH = '/wal';

/** The memory for the production's many thousands would be made anew for every boot. */
const CACHED_ENTRIES = 100;
const START_MS = 1_764_000_000_000;
/** Their disks are away: only what is owed to them is looked at, and directories that nobody writes to cost time. */
const REPLICAS = ['first', 'second'].map((name) => ({ name, path: `/away/${name}` }));

export interface Machine {
  readonly fs: CrashFileSystem;
  readonly catalogs: ModelledCatalogs;
  readonly clock: TestClock;
}

/** One millisecond a look, unless it is set. */
export class TestClock implements Clock {
  constructor(public nowMs = START_MS) {}

  now(): number {
    this.nowMs += 1;
    return this.nowMs;
  }
}

export interface RunningStore {
  readonly parts: OpenInstallation;
  readonly files: FileStore;
  /** Takes no step of its own accord. */
  readonly collector: GarbageCollector;
  /** Ends as a stopping server does: everything applied, a checkpoint, the log closed. */
  close(): Promise<void>;
  /** Lets go of a process that is dead: nothing is written, and nothing of it goes on. */
  abandon(): Promise<void>;
}

export interface StartOptions {
  readonly maxLogBytes?: number;
  readonly replicas?: readonly { readonly name: string; readonly path: string }[];
}

/** Boots the installation on the machine. Throws what boot throws. */
export async function start({ fs, catalogs, clock }: Machine, options: StartOptions = {}): Promise<RunningStore> {
  const cache = new FileCache({ maxEntries: CACHED_ENTRIES });
  const parts = await boot({
    fs,
    clock,
    log: silentLog,
    walPath: WAL_PATH,
    storagePath: PRIMARY_PATH,
    catalogs,
    lockDirectory: (directory) => ({ directory, release: () => undefined }),
    replicas: (options.replicas ?? REPLICAS).map(({ name, path }) => ({ name, place: new DirectoryPlace(fs, path) })),
    logOptions: {
      segmentSizeBytes: SEGMENT_SIZE,
      limits: { maxSizeBytes: options.maxLogBytes ?? 64 * SEGMENT_SIZE, retainSegments: 0, fullWaitMs: 10_000 },
    },
    checkpointIntervalMs: 60_000,
    changed: (fileId) => cache.drop(fileId),
  });
  const files = new FileStore(
    { fs, clock, cache, ...parts },
    {
      chunkSizeBytes: CHUNK_SIZE,
      inlineMaxBytes: INLINE_MAX,
      maxFileSizeBytes: 1024 * 1024,
      readParallelism: 4,
      bufferBudgetBytes: 64 * CHUNK_SIZE,
      bufferWaitMs: 1000,
      replicationTimeoutMs: 1000,
      diskReserveBytes: 0,
      reservedPaths: [PRIMARY_PATH, WAL_PATH],
    },
  );
  const collector = new GarbageCollector({ ...parts, clock, log: silentLog, graceMs: GRACE_MS });
  const abandon = async (): Promise<void> => {
    parts.checkpointer.stop();
    // On a machine that is off every call fails, and that is what a dead process leaves.
    await parts.wal.close().catch(() => undefined);
    await parts.applier.stop();
    await parts.catalog.close();
    parts.releaseLocks();
  };
  const close = async (): Promise<void> => {
    await parts.applier.drain();
    await parts.checkpointer.run();
    await abandon();
  };
  return { parts, files, collector, abandon, close };
}

/** What anti-entropy does when it has looked at every store: those of this machine are away for ever. */
export function seeReplicas({ parts }: RunningStore): void {
  parts.catalog.garbage.release('unseen_replicas');
}

/** Collects all that is garbage now: lets its grace pass, has the orphans found, lets theirs pass. */
export async function collectGarbage({ clock }: Machine, { collector }: RunningStore): Promise<void> {
  for (let pass = 0; pass < 2; pass += 1) {
    clock.nowMs += GRACE_MS;
    let outcome = await collector.step();
    while (outcome === 'busy') outcome = await collector.step();
    if (outcome === 'held') throw new Error(`the collection is held: ${collector.holds.join(', ')}`);
  }
}

interface Prepared {
  readonly disk: DiskSnapshot;
  readonly image: CatalogImage;
}

let prepared: Prepared | undefined;

/** A machine with an empty installation, all of it durable, which owes two replicas whatever comes. */
export async function installedMachine(): Promise<Machine> {
  prepared ??= await prepare();
  const fs = new CrashFileSystem({ snapshot: prepared.disk });
  return { fs, catalogs: new ModelledCatalogs(prepared.image), clock: new TestClock() };
}

async function prepare(): Promise<Prepared> {
  const machine = { fs: new CrashFileSystem(), catalogs: new ModelledCatalogs(), clock: new TestClock() };
  const store = await start(machine, { replicas: [] });
  await store.close();
  const { identity } = store.parts.primary;
  const peers = REPLICAS.map(({ name, path }) => ({ storeId: newUuid<StoreId>(), name, location: path }));
  await writeIdentity(machine.fs, PRIMARY_PATH, { ...identity, peers });
  return { disk: machine.fs.snapshot(), image: machine.catalogs.images().at(-1) };
}
