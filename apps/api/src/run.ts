/**
 * The life of the server process: settings → address → recovery → serving → signal → stop. The address is taken first,
 * because it is the one thing that another program can hold and that costs nothing to give back.
 */
import { findPackage, parseSettings } from '#libs/config';
import type { Package, Settings } from '#libs/config';
import { EXIT } from '#libs/kernel';
import { Interrupted, openProcessLog, refuse, runStopPhases, watchStopSignals } from '#libs/process';
import type { ProcessLog } from '#libs/process';
import { createApplication } from './application.js';
import type { Application } from './application.js';
import { FrontDoor } from './http/front-door.js';
import { answerWhileRecovering } from './http/recovering.js';
import { ServerState } from './server-state.js';
import { stopPhases } from './stop-phases.js';

/** Runs until it is told to stop, then ends the process. */
export async function run(): Promise<never> {
  let processLog: ProcessLog | undefined;
  try {
    const ownPackage = findPackage(import.meta.dirname);
    const settings = parseSettings(process.env, ownPackage.root);
    processLog = openProcessLog(settings.logLevel);
    return await new Server(settings, processLog, ownPackage).live();
  } catch (error) {
    refuse(error, processLog ?? openProcessLog('info'));
  }
}

class Server {
  readonly #settings: Settings;
  readonly #processLog: ProcessLog;
  readonly #package: Package;
  readonly #state = new ServerState();
  readonly #frontDoor: FrontDoor;
  readonly #signals = watchStopSignals(process, () => performance.now());

  constructor(settings: Settings, processLog: ProcessLog, ownPackage: Package) {
    this.#settings = settings;
    this.#processLog = processLog;
    this.#package = ownPackage;
    const { idleTimeoutMs } = settings;
    this.#frontDoor = new FrontDoor({ idleTimeoutMs, answer: answerWhileRecovering, log: processLog.log });
  }

  async live(): Promise<never> {
    const { log } = this.#processLog;
    this.#endOnMistake();
    this.#endOnForce();
    const url = await this.#frontDoor.open(this.#settings.host, this.#settings.port);
    log.info({ url, pid: process.pid, version: this.#package.version }, 'recovering');
    // Whoever started the server waits for this line and the one that follows.
    this.#processLog.flush();
    const application = await this.#recover();
    try {
      this.#frontDoor.handOver(await application.start());
    } catch (error) {
      await this.#stop(application);
      throw error;
    }
    this.#state.enter('serving');
    const { durationMs, replayedRecords } = application.installation.report;
    log.info({ url, pid: process.pid, recovery_ms: durationMs, replayed_records: replayedRecords }, 'listening');
    this.#processLog.flush();
    if (process.stderr.isTTY) {
      process.stderr.write(`Holdfast is serving on ${url} (API: ${url}/docs). Ctrl-C stops it.\n`);
    }
    log.info({ signal: await this.#signals.stop }, 'stopping');
    const outcome = await this.#stop(application);
    process.exit(outcome === 'clean' ? EXIT.done : EXIT.failed);
  }

  /** Recovery is not waited for when the process shall end: it changes nothing that the next one would not. */
  #recover(): Promise<Application> {
    const { log } = this.#processLog;
    const interrupted = this.#signals.stop.then((): never => {
      throw new Interrupted('stopped during the recovery; the next start begins it anew');
    });
    const parts = { settings: this.#settings, log, state: this.#state, frontDoor: this.#frontDoor };
    return Promise.race([createApplication({ ...parts, version: this.#package.version }), interrupted]);
  }

  async #stop(application: Application): Promise<'clean' | 'unclean'> {
    const { log, flush } = this.#processLog;
    const server = { state: this.#state, frontDoor: this.#frontDoor, log, flushLog: flush };
    const outcome = await runStopPhases(stopPhases(server, application), log);
    log.info({ outcome }, 'stopped');
    flush();
    return outcome;
  }

  /** After an error that nobody caught the state of the process is unknown; what is on the disk is not. */
  #endOnMistake(): void {
    process.on('uncaughtException', (error) => refuse(error, this.#processLog));
  }

  #endOnForce(): void {
    void this.#signals.force.then((signal) => {
      this.#processLog.log.warn({ signal }, 'ended before the stop was done; the next start recovers');
      this.#processLog.flush();
      process.exit(EXIT.interrupted);
    });
  }
}
