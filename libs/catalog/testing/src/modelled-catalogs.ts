/**
 * The place of a catalog on a machine whose power may be cut. SQLite writes past any file system of ours, so it is taken
 * at its word instead: a commit is all there or not at all, commits keep their order, and those before the last
 * `wal_checkpoint` (synchronous NORMAL) are durable. What a power cut may leave is therefore any committed prefix not
 * older than the last durable point; what a killed process leaves is the newest.
 *
 * The databases themselves are real, in memory, made and opened by the code that makes and opens files.
 */
import type { ClusterId } from '#libs/kernel';
import Database from 'better-sqlite3';
import { DataSource } from 'typeorm';
import { Catalog } from '../../src/catalog.js';
import type { CatalogFiles } from '../../src/catalog-files.js';
import { catalogSource, driverOf } from '../../src/catalog-source.js';
import { fillSource, openSource } from '../../src/open-catalog.js';
import type { CatalogReading } from '../../src/open-catalog.js';

/** A whole database as one commit left it, or undefined where no catalog is. Never modified. */
export type CatalogImage = Buffer | undefined;

/** The instant before something becomes durable, or takes the place of something else. */
export type CatalogBoundary = 'makeDurable' | 'create' | 'setAside';

export class ModelledCatalogs implements CatalogFiles {
  /** What may be there after a power cut, the durable one first, the one that processes see last. */
  #images: CatalogImage[];
  #open: WatchedDatabase | undefined;
  readonly #listeners: ((boundary: CatalogBoundary) => void)[] = [];
  #isInDoubt = false;

  /** As a power cut left it: one image, and it is durable. */
  constructor(image?: CatalogImage) {
    this.#images = [image];
  }

  /** For the next process on a machine that kept running: what was not durable is not durable for it either. */
  static afterKill(images: readonly CatalogImage[]): ModelledCatalogs {
    const next = new ModelledCatalogs();
    next.#images = [...images];
    return next;
  }

  killed(): ModelledCatalogs {
    const next = ModelledCatalogs.afterKill(this.images());
    next.#isInDoubt = this.#isInDoubt;
    return next;
  }

  /** `listener` runs before each step after which older images are impossible; `images` then holds old and new. */
  onBoundary(listener: (boundary: CatalogBoundary) => void): void {
    this.#listeners.push(listener);
  }

  /** The images of which one is there after a power cut at this instant, oldest first. */
  images(): readonly CatalogImage[] {
    // A single statement is a commit too, and passes no `transaction`.
    if (this.#open?.hasChanged() === true) this.#images.push(this.#open.image());
    return [...this.#images];
  }

  async open(): Promise<CatalogReading> {
    if (this.#isInDoubt) return { ok: false, reason: 'in_doubt' };
    const image = this.#images.at(-1);
    return image === undefined ? { ok: false, reason: 'missing' } : openSource(this.#watchedSource(image));
  }

  async create(clusterId: ClusterId, fill: (catalog: Catalog) => Promise<void>): Promise<Catalog> {
    const building = await sourceWith(SmallPagedDatabase).initialize();
    await fillSource(building, clusterId, fill);
    const image = driverOf(building).serialize();
    await building.destroy();
    this.#replace('create', image);
    this.#isInDoubt = false;
    return Catalog.over(await this.#watchedSource(image).initialize());
  }

  async doubt(): Promise<void> {
    this.#isInDoubt = true;
  }

  async setAside(): Promise<string> {
    this.#replace('setAside', undefined);
    return 'set aside';
  }

  #replace(boundary: CatalogBoundary, image: CatalogImage): void {
    this.#images = [...this.images(), image];
    for (const listener of this.#listeners) listener(boundary);
    this.#images = [image];
  }

  #watchedSource(image: Buffer): DataSource {
    const driver = watchedDatabaseClass(image, {
      opened: (database) => (this.#open = database),
      committed: () => void this.images(),
      durable: () => {
        this.images();
        for (const listener of this.#listeners) listener('makeDurable');
        this.#images = this.#images.slice(-1);
      },
    });
    return sourceWith(driver);
  }
}

/** Small pages, because an image is kept of every commit. */
class SmallPagedDatabase extends Database {
  constructor(path: string, options: Database.Options) {
    super(path, options);
    this.pragma('page_size = 512');
  }
}

/** The catalog's source in memory. The driver's class is an option of TypeORM's, and the way to give it more than a path. */
function sourceWith(driver: new (path: string, options: Database.Options) => Database.Database): DataSource {
  return new DataSource({ ...catalogSource(':memory:').options, driver });
}

interface WatchedDatabase {
  hasChanged(): boolean;
  image(): Buffer;
}

interface Watcher {
  opened(database: WatchedDatabase): void;
  committed(): void;
  /** Called before everything committed becomes durable. */
  durable(): void;
}

/** `better-sqlite3` over a copy of `image`, telling of its commits. */
function watchedDatabaseClass(
  image: Buffer,
  watcher: Watcher,
): new (path: string, options: Database.Options) => Database.Database {
  return class extends Database implements WatchedDatabase {
    #changesSeen = 0;
    readonly #changes = this.prepare<[], number>('SELECT total_changes()').pluck();

    constructor(_path: string, options: Database.Options) {
      super(Buffer.from(image), options);
      watcher.opened(this);
    }

    hasChanged(): boolean {
      return this.open && this.#changeCount() !== this.#changesSeen;
    }

    image(): Buffer {
      this.#changesSeen = this.#changeCount();
      return this.serialize();
    }

    override transaction<Body extends (...args: never[]) => unknown>(body: Body): Database.Transaction<Body> {
      return new Proxy(super.transaction(body as never), {
        apply: (run, self, args) => {
          const result: unknown = Reflect.apply(run, self, args);
          watcher.committed();
          return result;
        },
      });
    }

    override pragma(text: string, options?: Database.PragmaOptions): unknown {
      if (text.startsWith('wal_checkpoint')) watcher.durable();
      return super.pragma(text, options);
    }

    #changeCount(): number {
      return this.#changes.get()!;
    }
  };
}
