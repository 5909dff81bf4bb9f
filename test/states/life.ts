/**
 * A scripted life of an installation, recorded: before every write, every sync and every step of the catalog the disk, the
 * catalog's possible images and the promises made so far are kept, as a cut to be looked at later.
 */
import { ModelledCatalogs } from '#libs/catalog/testing';
import type { CatalogImage } from '#libs/catalog/testing';
import { CrashFileSystem, crashStates } from '#libs/durable-fs/testing';
import type { DiskSnapshot } from '#libs/durable-fs/testing';
import type { FileReceipt } from '#libs/file-store';
import type { FileId } from '#libs/kernel';
import { Ledger } from './ledger.js';
import { collectGarbage, start } from './machine.js';
import type { Machine, RunningStore, StartOptions } from './machine.js';
import { assertPromisesKept } from './promises.js';

export interface Cut {
  /** Number, operation and path. */
  readonly where: string;
  readonly disk: DiskSnapshot;
  /** Oldest first. */
  readonly images: readonly CatalogImage[];
  readonly ledger: Ledger;
  readonly nowMs: number;
}

export class Life {
  readonly cuts: Cut[] = [];
  readonly ledger = new Ledger();
  readonly deleted = new Map<string, { readonly fileId: FileId; readonly bytes: Buffer }>();
  #machine: Machine;
  #store: RunningStore | undefined;
  readonly #options: StartOptions;
  #copy: Ledger | undefined;

  constructor(machine: Machine, options: StartOptions = {}) {
    this.#machine = machine;
    this.#options = options;
    this.#record();
  }

  get store(): RunningStore {
    return this.#store!;
  }

  get machine(): Machine {
    return this.#machine;
  }

  /** The acknowledged file of that name. */
  idOf(fileName: string): FileId {
    for (const [fileId, file] of this.ledger.kept) if (file.fileName === fileName) return fileId;
    throw new Error(`${fileName} is not kept`);
  }

  async boot(): Promise<void> {
    this.#store = await start(this.#machine, this.#options);
    this.ledger.settle(await assertPromisesKept(this.#machine, this.store, this.ledger));
  }

  /** A failure is an outcome of the life, and stands in the ledger. */
  upload(fileName: string, bytes: Buffer): Promise<FileReceipt | Error> {
    return this.ledger.upload(this.store.files, fileName, bytes);
  }

  breakOff(fileName: string, bytes: Buffer): Promise<FileReceipt | Error> {
    return this.ledger.breakOff(this.store.files, fileName, bytes);
  }

  delete(fileName: string): Promise<Error | undefined> {
    const fileId = this.idOf(fileName);
    this.deleted.set(fileName, { fileId, bytes: this.ledger.kept.get(fileId)!.bytes });
    return this.ledger.delete(this.store.files, fileId);
  }

  /** Brings back the file of that name which was deleted last. */
  undelete(fileName: string): Promise<FileReceipt | Error> {
    const { fileId, bytes } = this.deleted.get(fileName)!;
    return this.ledger.undelete(this.store.files, fileId, { fileName, bytes });
  }

  checkpoint(): Promise<void> {
    return this.store.parts.checkpointer.run();
  }

  collect(): Promise<void> {
    return collectGarbage(this.#machine, this.store);
  }

  async close(): Promise<void> {
    await this.store.close();
    this.#store = undefined;
  }

  async restart(): Promise<void> {
    await this.close();
    await this.boot();
  }

  /** Kills the process while `work` is under way, at the first operation that `at` names, and starts the next one. */
  async kill(work: () => void, at: RegExp): Promise<void> {
    await this.#goOnAfterKill(await this.#haltAt(work, at));
  }

  /** Kills the process as it is. */
  async killNow(): Promise<void> {
    await this.#goOnAfterKill(this.#haltNow());
  }

  /** Cuts the power there instead; goes on from the first possible disk that `label` names, with the oldest catalog. */
  async cutPower(work: () => void, at: RegExp, label: RegExp): Promise<void> {
    const { disk, images } = await this.#haltAt(work, at);
    for (const state of crashStates(disk, { limit: 10_000 })) {
      if (!label.test(state.label)) continue;
      await this.goOnWith(state.fileSystem, new ModelledCatalogs(images[0]));
      return;
    }
    throw new Error(`no state of this cut is ${String(label)}`);
  }

  /** The instant itself, behind the last operation. */
  cut(what: string): void {
    const { fs, catalogs, clock } = this.#machine;
    // Most boundaries change no promise, and a copy is as good for the next.
    if (this.#copy?.version !== this.ledger.version) this.#copy = this.ledger.copy();
    this.cuts.push({
      where: `cut ${this.cuts.length}, before ${what}`,
      disk: fs.snapshot(),
      images: catalogs.images(),
      ledger: this.#copy,
      nowMs: clock.nowMs,
    });
  }

  async end(): Promise<readonly Cut[]> {
    this.cut('the end');
    await this.store.abandon();
    return this.cuts;
  }

  /** Does `act` once, right before the next operation that `at` names. */
  before(at: RegExp, act: () => void): void {
    let isDue = true;
    this.#machine.fs.onBoundary(({ operation, path }) => {
      if (!isDue || !at.test(`${operation} ${path}`)) return;
      isDue = false;
      act();
    });
  }

  #haltAt(work: () => void, at: RegExp): Promise<Cut> {
    const { promise, resolve } = Promise.withResolvers<Cut>();
    const { fs } = this.#machine;
    this.before(at, () => {
      fs.halt();
      // The recording listener was first: the cut at this boundary is the last one taken.
      resolve(this.cuts.at(-1)!);
    });
    work();
    return promise;
  }

  #haltNow(): Cut {
    this.cut('the process is killed');
    this.#machine.fs.halt();
    return this.cuts.at(-1)!;
  }

  #goOnAfterKill({ disk, images }: Cut): Promise<void> {
    return this.goOnWith(new CrashFileSystem({ snapshot: disk }), ModelledCatalogs.afterKill(images));
  }

  /** Starts the next process on this disk with this catalog; the one before is dead or has been closed. */
  async goOnWith(fs: CrashFileSystem, catalogs: ModelledCatalogs): Promise<void> {
    const dead = this.#store;
    this.#machine = { ...this.#machine, fs, catalogs };
    this.#record();
    await dead?.abandon();
    await this.boot();
  }

  #record(): void {
    const { fs, catalogs } = this.#machine;
    fs.onBoundary(({ operation, path }) => this.cut(`${operation} ${path}`));
    catalogs.onBoundary((boundary) => this.cut(`${boundary} of the catalog`));
  }
}
