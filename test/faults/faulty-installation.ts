/** An installation whose places stand on disks that a test can break, and the servers on it, one after the other. */
import { mkdir, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { makeInstallation } from '../server/installation.js';
import type { Environment, Installation } from '../server/installation.js';
import { ServerProcess } from '../server/server-process.js';
import { Mounts } from './mounts.js';

/** Places of an installation that may have a disk of their own; `all` is the directory around them. */
export type Place = 'all' | 'primary' | 'wal' | 'catalog';

export class FaultyInstallation implements AsyncDisposable {
  readonly mounts: Mounts;
  readonly #installation: Installation;
  readonly #servers: ServerProcess[] = [];

  private constructor(mounts: Mounts, installation: Installation) {
    this.mounts = mounts;
    this.#installation = installation;
  }

  static async create(settings: Environment = {}): Promise<FaultyInstallation> {
    const mounts = await Mounts.create();
    // No replicas: they would take the space and the inodes that a test counts.
    const installation = await makeInstallation({ REPLICAS: '', DISK_RESERVE: '0B', ...settings });
    return new FaultyInstallation(mounts, installation);
  }

  /** Path of a place as the server knows it, and everything else inside the mounts. */
  path(place: Place): string {
    const { directory } = this.#installation;
    return place === 'all' ? directory : join(directory, place);
  }

  /** Path of something in a place as this process reaches it. */
  seen(place: Place, ...names: string[]): string {
    return join(this.mounts.seen(this.path(place)), ...names);
  }

  /** The server started last. */
  get server(): ServerProcess {
    return this.#servers.at(-1)!;
  }

  /** Starts a server, which may not come up. */
  async launch(settings: Environment = {}): Promise<ServerProcess> {
    await mkdir(this.seen('catalog'), { recursive: true });
    const database = `sqlite:${join(this.path('catalog'), 'catalog.db')}`;
    const environment = { ...this.#installation.environment, DATABASE_URL: database, ...settings };
    const server = new ServerProcess(environment, this.mounts.launcher);
    this.#servers.push(server);
    return server;
  }

  /** Starts a server; answers with its address. */
  async start(settings: Environment = {}): Promise<string> {
    return (await this.launch(settings)).url();
  }

  /** A crash of the process, and the next start in the same boot of the machine. */
  async restart(settings: Environment = {}): Promise<string> {
    await this.server.stop('SIGKILL');
    return this.start(settings);
  }

  /** Path of the segment that is appended to, as the server knows it. */
  async activeSegment(): Promise<string> {
    const names = await readdir(this.seen('wal', 'segments'));
    const last = names
      .filter((name) => name.endsWith('.wal'))
      .toSorted()
      .at(-1)!;
    return join(this.path('wal'), 'segments', last);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const server of this.#servers) await server.stop('SIGKILL');
    await this.mounts[Symbol.asyncDispose]();
    await this.#installation.remove();
  }
}
