/**
 * One installation of many small files under measurement. Every figure of load is taken from a server that has just been
 * started, owes nothing and is warm: what an earlier pass or an earlier load has left behind must not be in it.
 */
import { mkdir } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { FILE_BYTES, PUT_PATH, WARM_UP_SECONDS } from '../bench/cells/put.js';
import { LoadGenerator } from '../bench/load.js';
import { ownProgram, runToEnd } from '../bench/processes.js';
import { httpGet } from '../bench/http-get.js';
import { replicasOf, Server } from '../bench/server.js';
import { median } from '../bench/statistics.js';
import type { Workspace } from '../bench/workspace.js';
import { MemoryWatch } from './memory-watch.js';
import type { WatchedMemory } from './memory-watch.js';
import { begin, isCounting, objectsOf, shareOf, until, viewOf } from './passes.js';
import type { OperationAnswer, PassName } from './passes.js';

export const CONNECTIONS = 32;
/** Of a filled file; the bytes ride in its manifest. */
const SMALL_BYTES = 48;
const FILLING_CONNECTIONS = 64;
/** The scrub reads what it is asked for only: one of its own accord would be in the figures of everything else. */
const SETTINGS = { SCRUB_RATE: '0' };
const LEAST_PAUSE_MS = 500;
/** The server answers by counting what is owed. */
const PAUSE_PER_LOOK = 10;
const STALLED_AFTER_MS = 10 * 60_000;

export interface QuietFigures {
  readonly objects: number;
  readonly seconds: number;
  readonly objects_per_second: number;
  readonly memory: WatchedMemory;
}

export interface LoadedFigures {
  readonly put_alone_per_second: readonly number[];
  /** Only windows at whose end the pass was still under way. */
  readonly put_meanwhile_per_second: readonly number[];
  readonly ratio: number | undefined;
  readonly objects_per_second: number;
  readonly memory: WatchedMemory;
}

export interface MeasurementOptions {
  readonly workspace: Workspace;
  readonly installation: string;
  readonly seconds: number;
  readonly rounds: number;
}

export class Measurement {
  readonly #options: MeasurementOptions;
  readonly #load: LoadGenerator;

  constructor(options: MeasurementOptions) {
    this.#options = options;
    this.#load = new LoadGenerator(options.workspace, FILE_BYTES);
  }

  /** Uploads so many files over HTTP; all of them are on every replica when this resolves. Gives files per second. */
  async fill(files: number): Promise<number> {
    await mkdir(this.#options.installation, { recursive: true });
    return this.#withServer(async (server) => {
      const options = { url: `${server.url}${PUT_PATH}`, files, connections: FILLING_CONNECTIONS };
      const output = await runToEnd(ownProgram('put-files', JSON.stringify({ ...options, fileBytes: SMALL_BYTES })));
      await this.#drained(server);
      return files / (JSON.parse(output) as { seconds: number }).seconds;
    });
  }

  /** Every pass with nothing beside it, from one end of all stores to the other. */
  async quiet(): Promise<Record<PassName, QuietFigures>> {
    return this.#withServer(async (server) => {
      await this.#drained(server);
      const scrub = await this.#timed(server, () => begin(server.url, 'scrub'));
      const look = await begin(server.url, 'look');
      const comparing = await this.#watched(server, () => until(server.url, look, isCounting));
      const counting = await this.#watched(server, () => until(server.url, look, () => false));
      assertWhole(counting.view);
      const objects = objectsOf(counting.view);
      return {
        scrub,
        'anti-entropy': figuresOf(objects, comparing),
        census: figuresOf(objects, counting),
      };
    });
  }

  /** Uploads alone, and then while the pass is under way; `objects` are those that it has before it. */
  async loaded(pass: PassName, objects: number): Promise<LoadedFigures> {
    return this.#withServer(async (server) => {
      await this.#put(server, WARM_UP_SECONDS);
      await this.#drained(server);
      const alone: number[] = [];
      for (let round = 0; round < this.#options.rounds; round += 1) alone.push(await this.#put(server));
      await this.#drained(server);
      const operation = await begin(server.url, pass === 'scrub' ? 'scrub' : 'look');
      if (pass === 'census') await until(server.url, operation, isCounting);
      const watch = await MemoryWatch.begin(server.pid);
      const startedMs = performance.now();
      const behindOf = (view: OperationAnswer): number =>
        pass === 'scrub' ? objectsOf(view) : shareOf(pass, view, this.#stores) * objects;
      const behind = behindOf(await viewOf(server.url, operation));
      let last = { behind, atMs: startedMs };
      const meanwhile: number[] = [];
      for (let round = 0; round < this.#options.rounds; round += 1) {
        const perSecond = await this.#put(server);
        const view = await viewOf(server.url, operation);
        if (!isUnderWay(pass, view)) break;
        meanwhile.push(perSecond);
        last = { behind: behindOf(view), atMs: performance.now() };
      }
      const seconds = (last.atMs - startedMs) / 1000;
      return {
        put_alone_per_second: alone.map(Math.round),
        put_meanwhile_per_second: meanwhile.map(Math.round),
        ratio: meanwhile.length === 0 ? undefined : median(meanwhile) / median(alone),
        objects_per_second: seconds === 0 ? 0 : Math.round((last.behind - behind) / seconds),
        memory: await watch.end(),
      };
    });
  }

  /** The primary and its replicas. */
  get #stores(): number {
    return 1 + replicasOf(this.#options.installation).length;
  }

  /** A clean stop ends the passes that are under way, so that none has to be waited for. */
  async #withServer<Result>(use: (server: Server) => Promise<Result>): Promise<Result> {
    const { workspace, installation } = this.#options;
    await workspace.settle();
    const server = await Server.start(installation, { settings: SETTINGS });
    try {
      const result = await use(server);
      await server.stop();
      return result;
    } finally {
      await server.kill();
    }
  }

  async #put(server: Server, seconds = this.#options.seconds): Promise<number> {
    const result = await this.#load.put({ url: `${server.url}${PUT_PATH}`, connections: CONNECTIONS, seconds });
    return result.requests / result.seconds;
  }

  async #timed(server: Server, start: () => Promise<string>): Promise<QuietFigures> {
    const watched = await this.#watched(server, async () => until(server.url, await start(), () => false));
    return figuresOf(objectsOf(watched.view), watched);
  }

  async #watched(server: Server, wait: () => Promise<OperationAnswer>): Promise<Watched> {
    const watch = await MemoryWatch.begin(server.pid);
    const startedMs = performance.now();
    const view = await wait();
    return { view, seconds: (performance.now() - startedMs) / 1000, memory: await watch.end() };
  }

  /** Resolves when nothing is owed to any replica. Throws where what is owed has not become less for long. */
  async #drained(server: Server): Promise<void> {
    let least = Number.POSITIVE_INFINITY;
    let lessAtMs = performance.now();
    for (;;) {
      const lookedMs = performance.now();
      const owed = await owedBy(server, this.#stores - 1);
      if (owed === 0) return;
      if (owed < least) [least, lessAtMs] = [owed, performance.now()];
      if (performance.now() - lessAtMs > STALLED_AFTER_MS) throw new Error(`${owed} files stay owed`);
      await delay(Math.max(LEAST_PAUSE_MS, (performance.now() - lookedMs) * PAUSE_PER_LOOK));
    }
  }
}

interface Watched {
  readonly view: OperationAnswer;
  readonly seconds: number;
  readonly memory: WatchedMemory;
}

/**
 * Files that are owed to the replica that is owed most. One that is degraded for a moment, as a loaded machine makes it, is
 * waited for. Throws where the server has another number of replicas: of those that it does not know nothing is owed.
 */
async function owedBy({ url }: Server, replicas: number): Promise<number> {
  const { status, text } = await httpGet(`${url}/admin/replicas/status`);
  if (status !== 200) throw new Error(`/admin/replicas/status answers ${status}`);
  const { stores } = JSON.parse(text) as { stores: { state: string; lag: { files: number } }[] };
  if (stores.length !== replicas) throw new Error(`the server has ${stores.length} replicas, not ${replicas}`);
  return Math.max(...stores.map(({ lag }) => lag.files));
}

function figuresOf(objects: number, { seconds, memory }: Omit<Watched, 'view'>): QuietFigures {
  return {
    objects,
    seconds: Math.round(seconds * 100) / 100,
    objects_per_second: Math.round(objects / seconds),
    memory,
  };
}

function isUnderWay(pass: PassName, view: OperationAnswer): boolean {
  return view.state === 'running' && (pass !== 'anti-entropy' || !isCounting(view));
}

/** The rate of a pass that did not see every store whole means nothing. */
function assertWhole({ state, result }: OperationAnswer): void {
  if (state === 'done' && result?.equal === true) return;
  throw new Error(`the stores are not equal: ${JSON.stringify(result).slice(0, 1000)}`);
}
