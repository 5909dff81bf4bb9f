/** What `strace -f -ttt -y` wrote, as calls with the moments they began and ended, whatever thread made them. */

export interface SystemCall {
  readonly name: string;
  /** The arguments as strace prints them; with `-y` a descriptor is followed by `<path>`. */
  readonly text: string;
  /** Position in the trace: a call that ended at 7 had returned when one that began at 8 was made. */
  readonly began: number;
  readonly ended: number;
  readonly result: string;
}

const WHOLE = /^(\d+) +[\d.]+ (\w+)\((.*)\) += (.*)$/;
const UNFINISHED = /^(\d+) +[\d.]+ (\w+)\((.*) <unfinished \.\.\.>$/;
const RESUMED = /^(\d+) +[\d.]+ <\.\.\. (\w+) resumed>(.*)\) += (.*)$/;

/** Calls in the order in which they began; one that never ended has `ended` Infinity. */
export function parseTrace(trace: string): SystemCall[] {
  const calls: SystemCall[] = [];
  const openByThread = new Map<string, { readonly name: string; readonly text: string; readonly began: number }>();
  for (const [position, line] of trace.split('\n').entries()) {
    const whole = WHOLE.exec(line);
    const unfinished = UNFINISHED.exec(line);
    const resumed = RESUMED.exec(line);
    if (whole !== null) {
      const [, , name = '', text = '', result = ''] = whole;
      calls.push({ name, text, began: position, ended: position, result });
    } else if (unfinished !== null) {
      const [, thread = '', name = '', text = ''] = unfinished;
      openByThread.set(thread, { name, text, began: position });
    } else if (resumed !== null) {
      const [, thread = '', , rest = '', result = ''] = resumed;
      const open = openByThread.get(thread);
      if (open !== undefined) calls.push({ ...open, text: open.text + rest, ended: position, result });
      openByThread.delete(thread);
    }
  }
  for (const open of openByThread.values()) calls.push({ ...open, ended: Number.POSITIVE_INFINITY, result: '?' });
  return calls.sort((left, right) => left.began - right.began);
}

/** The first call that matches and began after `position`. */
export function firstAfter(
  calls: readonly SystemCall[],
  position: number,
  matches: (call: SystemCall) => boolean,
): SystemCall | undefined {
  return calls.find((call) => call.began > position && matches(call));
}

export const isWrite = ({ name }: SystemCall): boolean => name === 'pwrite64' || name === 'write' || name === 'writev';
export const isSync = ({ name, result }: SystemCall): boolean =>
  (name === 'fdatasync' || name === 'fsync') && result === '0';
export const isRename = ({ name }: SystemCall): boolean => name.startsWith('rename');
export const on =
  (pathPart: string) =>
  ({ text }: SystemCall): boolean =>
    text.includes(pathPart);
