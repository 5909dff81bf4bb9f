/** A served installation for a test file: made before its tests, stopped and removed after them. */
import { afterAll, beforeAll, onTestFinished } from 'vitest';
import { makeInstallation } from './installation.js';
import type { Environment, Installation } from './installation.js';
import { ServerProcess } from './server-process.js';

export class TestServer {
  readonly #settings: Environment;
  #installation: Installation | undefined;
  #process: ServerProcess | undefined;
  #url: string | undefined;

  constructor(settings: Environment = {}) {
    this.#settings = settings;
  }

  get installation(): Installation {
    return defined(this.#installation);
  }

  get process(): ServerProcess {
    return defined(this.#process);
  }

  get url(): string {
    return defined(this.#url);
  }

  /** `changes` to the settings are of this start alone. */
  async start(changes: Environment = {}): Promise<void> {
    this.#installation ??= await makeInstallation(this.#settings);
    this.#process = new ServerProcess({ ...this.#installation.environment, ...changes });
    this.#url = await this.#process.url();
  }

  /** Ends the process as a stop does, or with `SIGKILL` as a crash does, and starts it again on the same directories. */
  async restart(signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
    await this.process.stop(signal);
    await this.start();
  }

  async remove(): Promise<void> {
    await this.#process?.stop('SIGKILL');
    await this.#installation?.remove();
  }
}

/** One server for all tests of the file. */
export function useServer(settings: Environment = {}): TestServer {
  const server = new TestServer(settings);
  beforeAll(() => server.start());
  afterAll(() => server.remove());
  return server;
}

/** A served installation for the test that calls it, which may stop and start it; removed however the test ends. */
export async function startServer(settings: Environment = {}): Promise<TestServer> {
  const server = new TestServer(settings);
  onTestFinished(() => server.remove());
  await server.start();
  return server;
}

function defined<T>(value: T | undefined): T {
  if (value === undefined) throw new Error('the server has not been started');
  return value;
}
