/** The resident memory of a process over a time: at its beginning, at its end, and the highest that the kernel saw between. */
import { readFile, writeFile } from 'node:fs/promises';
import { residentBytes } from '../bench/peak-memory.js';

export interface WatchedMemory {
  readonly start_mib: number;
  readonly peak_mib: number;
  readonly end_mib: number;
}

const MIB = 2 ** 20;
const mebibytes = (bytes: number): number => Math.round((bytes / MIB) * 10) / 10;

export class MemoryWatch {
  readonly #directory: string;
  readonly #startBytes: number;

  private constructor(directory: string, startBytes: number) {
    this.#directory = directory;
    this.#startBytes = startBytes;
  }

  /** The kernel's own mark is set back, so that no peak falls between two samples. */
  static async begin(pid: number): Promise<MemoryWatch> {
    const directory = `/proc/${pid}`;
    await writeFile(`${directory}/clear_refs`, '5');
    return new MemoryWatch(directory, residentBytes(await statusOf(directory), 'VmRSS'));
  }

  async end(): Promise<WatchedMemory> {
    const status = await statusOf(this.#directory);
    return {
      start_mib: mebibytes(this.#startBytes),
      peak_mib: mebibytes(residentBytes(status, 'VmHWM')),
      end_mib: mebibytes(residentBytes(status, 'VmRSS')),
    };
  }
}

function statusOf(directory: string): Promise<string> {
  return readFile(`${directory}/status`, 'utf8');
}
