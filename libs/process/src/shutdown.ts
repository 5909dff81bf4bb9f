/**
 * Stops a process in named phases, in order, each with its own time. A phase that fails or takes too long never keeps the
 * next from running: what comes later frees more, and whatever is left undone is what recovery is for.
 */
import type { Log } from '#libs/telemetry';

export interface StopPhase {
  readonly name: string;
  readonly timeoutMs: number;
  run(): Promise<void> | void;
}

/** `clean`: every phase ended in time and without an error. */
export type StopOutcome = 'clean' | 'unclean';

export async function runStopPhases(phases: readonly StopPhase[], log: Log): Promise<StopOutcome> {
  let outcome: StopOutcome = 'clean';
  for (const phase of phases) {
    const startedAt = performance.now();
    const failure = await runPhase(phase);
    const facts = { phase: phase.name, duration_ms: Math.round(performance.now() - startedAt) };
    if (failure === undefined) {
      log.debug(facts, 'stop phase done');
      continue;
    }
    outcome = 'unclean';
    if (failure === 'timeout')
      log.error({ ...facts, timeout_ms: phase.timeoutMs }, 'stop phase took too long; going on');
    else log.error({ ...facts, err: failure.error }, 'stop phase failed; going on');
  }
  return outcome;
}

type Failure = 'timeout' | { readonly error: unknown };

async function runPhase(phase: StopPhase): Promise<Failure | undefined> {
  const { promise: timeout, resolve } = Promise.withResolvers<'timeout'>();
  const timer = setTimeout(resolve, phase.timeoutMs, 'timeout');
  try {
    return await Promise.race([timeout, settle(phase)]);
  } finally {
    clearTimeout(timer);
  }
}

/** Never rejects: a phase may fail after its time is up, when nobody waits for it any more. */
async function settle(phase: StopPhase): Promise<Failure | undefined> {
  try {
    await phase.run();
    return undefined;
  } catch (error) {
    return { error };
  }
}
