/** One line on the terminal; without a terminal nothing is shown. */
const BAR_COLUMNS = 30;
const CLEAR_LINE = '\r\u001B[2K';

export class ProgressBar {
  readonly #terminal: NodeJS.WriteStream | undefined;

  constructor(stream: NodeJS.WriteStream) {
    this.#terminal = stream.isTTY ? stream : undefined;
  }

  /** `share`: 0 to 1. */
  draw(share: number): void {
    const full = Math.floor(share * BAR_COLUMNS);
    const bar = `${'#'.repeat(full)}${'.'.repeat(BAR_COLUMNS - full)}`;
    this.#terminal?.write(`${CLEAR_LINE}${String(Math.floor(share * 100)).padStart(3)} %  [${bar}]`);
  }

  clear(): void {
    this.#terminal?.write(CLEAR_LINE);
  }
}
