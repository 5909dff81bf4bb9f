/**
 * The phases of this server's stop. The order is the reverse of how data flows in: nobody new, nobody under way, nothing
 * unapplied, nothing unflushed; only then may the log end with its checkpoint, which spares the next start the replay.
 * Their times add up to less than the minute that docker-compose.yml grants (systemd: 90 s).
 */
import type { AntiEntropyTimer, CollectionTimer, Repairs, Scrubber } from '#libs/maintenance';
import type { StopPhase } from '#libs/process';
import type { OpenInstallation } from '#libs/recovery';
import type { Replication } from '#libs/replication';
import type { Log } from '#libs/telemetry';
import type { JobService } from './nest/job-service.js';
import type { FrontDoor } from './http/front-door.js';
import type { ServerState } from './server-state.js';

/** Requests still under way after this are cut; a download goes on with a Range, and an upload was promised nothing. */
const DRAIN_MS = 10_000;
/** For the handlers of cut requests to clean up. */
const AFTER_CUT_MS = 2_000;

/** For jobs of this process to end early. */
const REPLICATION_STOP_MS = 2_000;
/** For the thread that did them, and for the word to Redis that it takes no more. */
const JOBS_STOP_MS = 1_000;

export interface StoppingServer {
  readonly state: ServerState;
  readonly frontDoor: FrontDoor;
  readonly log: Log;
  readonly flushLog: () => void;
}

export interface StoppingInstallation {
  readonly installation: OpenInstallation;
  readonly collection: CollectionTimer;
  readonly scrubber: Scrubber;
  readonly antiEntropy: AntiEntropyTimer;
  readonly repairs: Repairs;
  readonly replication: Replication;
  readonly jobs: JobService;
}

export function stopPhases(server: StoppingServer, stopping: StoppingInstallation): StopPhase[] {
  const { installation, collection, scrubber, antiEntropy, repairs, replication, jobs } = stopping;
  return [
    ...requestPhases(server),
    // First, because it owes what it finds. A store that hangs is not waited for: what was read is read again.
    { name: 'stop_scrub', timeoutMs: 2_000, run: () => scrubber.stop() },
    // What is under way is handed out again at the next start; nothing of it is lost.
    {
      name: 'stop_replication',
      timeoutMs: REPLICATION_STOP_MS + 1_000,
      run: () => replication.stop(REPLICATION_STOP_MS),
    },
    { name: 'stop_jobs', timeoutMs: 2 * JOBS_STOP_MS + 1_000, run: () => jobs.close(JOBS_STOP_MS) },
    // What they have found is owed, and the next ones go on. Behind replication, whose stop ends what a repair waits for.
    {
      name: 'stop_repair',
      timeoutMs: 3_000,
      run: () => Promise.all([repairs.stop(), antiEntropy.stop()]).then(() => undefined),
    },
    // What it has not collected is still garbage at the next start.
    { name: 'stop_collection', timeoutMs: 3_000, run: () => collection.stop() },
    ...installationPhases(installation),
    { name: 'flush_logs', timeoutMs: 1_000, run: server.flushLog },
  ];
}

function requestPhases({ state, frontDoor, log }: StoppingServer): StopPhase[] {
  return [
    {
      name: 'stop_intake',
      timeoutMs: 1_000,
      run: () => {
        state.enter('stopping');
        frontDoor.stopIntake();
      },
    },
    {
      name: 'drain_requests',
      timeoutMs: DRAIN_MS + AFTER_CUT_MS + 1_000,
      run: async () => {
        await frontDoor.drain(DRAIN_MS);
        if (frontDoor.requestsUnderWay > 0) {
          log.warn({ requests: frontDoor.requestsUnderWay }, 'requests were cut at the end of the time to stop');
        }
        frontDoor.closeAllConnections();
        await frontDoor.drain(AFTER_CUT_MS);
      },
    },
  ];
}

function installationPhases(installation: OpenInstallation): StopPhase[] {
  const { wal, catalog, applier, checkpointer } = installation;
  return [
    {
      name: 'drain_apply',
      timeoutMs: 10_000,
      run: async () => {
        await applier.drain();
        await applier.stop();
      },
    },
    {
      name: 'checkpoint',
      timeoutMs: 15_000,
      run: async () => {
        checkpointer.stop();
        // The first may join one that began before the last record was applied; the second then covers the rest.
        await checkpointer.run();
        await checkpointer.run();
      },
    },
    { name: 'close_log', timeoutMs: 5_000, run: () => wal.close() },
    { name: 'close_catalog', timeoutMs: 5_000, run: () => catalog.close() },
    { name: 'release_locks', timeoutMs: 1_000, run: () => installation.releaseLocks() },
  ];
}
