/** Counts what `strace -f -ttt -y -e trace=fdatasync` has seen. Pure. */

export interface BarrierWindow {
  /** Seconds since the epoch, as strace prints them. */
  readonly fromSeconds: number;
  readonly untilSeconds: number;
  /** Directory of the files whose syncs count: those of segments being made ahead are part of the price. */
  readonly below: string;
}

/** A call that strace printed in two halves has its name and its file in the first only. */
const CALL = /^\d+ +([\d.]+) fdatasync\(\d+<([^>]*)>/gm;

/** Throws where there is none: the log is then synced in some other way, and a count of 0 would look perfect. */
export function countBarriers(trace: string, { fromSeconds, untilSeconds, below }: BarrierWindow): number {
  let count = 0;
  for (const [, time = '', path = ''] of trace.matchAll(CALL)) {
    const seconds = Number(time);
    if (path.startsWith(`${below}/`) && seconds >= fromSeconds && seconds <= untilSeconds) count += 1;
  }
  if (count === 0) throw new Error(`strace saw no fdatasync below ${below}`);
  return count;
}
