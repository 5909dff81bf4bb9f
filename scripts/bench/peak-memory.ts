/** The highest resident set of a process, as Linux keeps it; the mark can be set back to what is resident now. */
import { readFile, writeFile } from 'node:fs/promises';

const KIB = 1024;

export class PeakMemory {
  readonly #directory: string;
  #idleBytes = 0;

  constructor(pid: number) {
    this.#directory = `/proc/${pid}`;
  }

  /** What is resident now counts as idle. */
  async begin(): Promise<void> {
    await writeFile(`${this.#directory}/clear_refs`, '5');
    this.#idleBytes = residentBytes(await this.#status(), 'VmRSS');
  }

  async peakAboveBeginBytes(): Promise<number> {
    return residentBytes(await this.#status(), 'VmHWM') - this.#idleBytes;
  }

  #status(): Promise<string> {
    return readFile(`${this.#directory}/status`, 'utf8');
  }
}

/** A line of `/proc/<pid>/status`, such as `VmHWM:   65536 kB`. Pure. */
export function residentBytes(status: string, line: 'VmRSS' | 'VmHWM'): number {
  const kibibytes = new RegExp(`^${line}:\\s+(\\d+) kB$`, 'm').exec(status)?.[1];
  if (kibibytes === undefined) throw new Error(`the kernel does not say ${line}`);
  return Number(kibibytes) * KIB;
}
