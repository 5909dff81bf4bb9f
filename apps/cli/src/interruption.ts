/**
 * Ctrl-C while something is transferred: the work is told to stop, ends what it has begun in good order and says what was
 * done; a second Ctrl-C ends the process at once.
 */
export class Interrupted extends Error {
  constructor() {
    super('interrupted');
    this.name = 'Interrupted';
  }
}

let running: AbortController | undefined;

/** The signal is aborted with `Interrupted`. */
export async function interruptible<T>(work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const controller = new AbortController();
  running = controller;
  try {
    return await work(controller.signal);
  } finally {
    running = undefined;
  }
}

/** Whether there is something that will now stop by itself. */
export function interruptRunning(): boolean {
  if (running === undefined || running.signal.aborted) return false;
  running.abort(new Interrupted());
  return true;
}
