/** A line on the terminal that shows how far the transfers are. Without a terminal on stderr nothing is shown. */
import { progressLine } from './progress-line.js';

/** The part of a terminal that is used. */
export interface Terminal {
  readonly columns: number;
  write(text: string): unknown;
}

const REDRAW_MS = 200;
const DEFAULT_COLUMNS = 80;
/** The rate is that of the last few seconds: what is left depends on now, not on how it began. */
const RATE_SAMPLES = 25;
const CLEAR_LINE = '\r\u001B[2K';

interface Sample {
  readonly atMs: number;
  readonly bytes: number;
}

export interface FileProgress {
  /** So many of its bytes are done; may go back. */
  readonly at: (doneBytes: number) => void;
  /** So many were there before. */
  readonly present: (bytes: number) => void;
  readonly end: () => void;
}

export class Progress {
  readonly #terminal: Terminal | undefined;
  readonly #totalBytes: number | undefined;
  readonly #totalFiles: number;
  readonly #timer: NodeJS.Timeout | undefined;
  #doneBytes = 0;
  /** Bytes that were there before, and say nothing of the rate. */
  #movedBytes = 0;
  #doneFiles = 0;
  #samples: Sample[] = [];

  constructor(total: { bytes: number | undefined; files: number }, terminal = terminalOfErrors()) {
    this.#terminal = terminal;
    this.#totalBytes = total.bytes;
    this.#totalFiles = total.files;
    if (terminal === undefined) return;
    this.#timer = setInterval(() => this.draw(performance.now()), REDRAW_MS);
  }

  file(): FileProgress {
    let countedBytes = 0;
    return {
      at: (doneBytes) => {
        this.#doneBytes += doneBytes - countedBytes;
        this.#movedBytes += Math.max(0, doneBytes - countedBytes);
        countedBytes = doneBytes;
      },
      present: (bytes) => {
        this.#doneBytes += bytes - countedBytes;
        countedBytes = bytes;
      },
      end: () => {
        this.#doneFiles += 1;
      },
    };
  }

  draw(nowMs: number): void {
    this.#samples = [...this.#samples, { atMs: nowMs, bytes: this.#movedBytes }].slice(-RATE_SAMPLES);
    const first = this.#samples[0]!;
    const seconds = (nowMs - first.atMs) / 1000;
    const line = progressLine(
      {
        doneBytes: this.#doneBytes,
        totalBytes: this.#totalBytes,
        doneFiles: this.#doneFiles,
        totalFiles: this.#totalFiles,
        bytesPerSecond: seconds > 0 ? (this.#movedBytes - first.bytes) / seconds : undefined,
      },
      // Some terminals do not know how wide they are, and say 0.
      this.#terminal?.columns || DEFAULT_COLUMNS,
    );
    this.#terminal?.write(`${CLEAR_LINE}${line}`);
  }

  /** Leaves the line empty, for what the command has to say. */
  close(): void {
    clearInterval(this.#timer);
    this.#terminal?.write(CLEAR_LINE);
  }
}

function terminalOfErrors(): Terminal | undefined {
  return process.stderr.isTTY ? process.stderr : undefined;
}
