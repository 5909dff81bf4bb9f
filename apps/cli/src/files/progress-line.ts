/** How far a transfer is, as one line of a terminal. Pure. */
import { sizeText } from '#libs/terminal';

export interface ProgressState {
  readonly doneBytes: number;
  /** Undefined where it shows only at the end. */
  readonly totalBytes: number | undefined;
  readonly doneFiles: number;
  readonly totalFiles: number;
  /** Undefined until something can be said. */
  readonly bytesPerSecond: number | undefined;
}

const BAR_COLUMNS = 24;

/** At most `columns - 1` characters: in the last column a terminal goes to the next line. */
export function progressLine(state: ProgressState, columns: number): string {
  const { doneBytes, totalBytes, doneFiles, totalFiles, bytesPerSecond } = state;
  const parts: string[] = [];
  if (totalBytes === undefined) {
    parts.push(sizeText(doneBytes));
  } else {
    const share = totalBytes === 0 ? 1 : Math.min(1, doneBytes / totalBytes);
    const full = Math.floor(share * BAR_COLUMNS);
    parts.push(`${String(Math.floor(share * 100)).padStart(3)} %`);
    parts.push(`[${'#'.repeat(full)}${'.'.repeat(BAR_COLUMNS - full)}]`);
    parts.push(`${sizeText(doneBytes)} of ${sizeText(totalBytes)}`);
  }
  if (bytesPerSecond !== undefined) {
    parts.push(`${sizeText(bytesPerSecond)}/s`);
    if (totalBytes !== undefined && bytesPerSecond > 0) {
      parts.push(`${durationText((totalBytes - doneBytes) / bytesPerSecond)} left`);
    }
  }
  if (totalFiles > 1) parts.push(`${doneFiles} of ${totalFiles} files`);
  return parts.join('  ').slice(0, Math.max(0, columns - 1));
}

/** `0:07`, `12:34`, `5:00:00`. */
export function durationText(seconds: number): string {
  const whole = Math.max(0, Math.ceil(seconds));
  const parts = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
  const shown = parts[0] === 0 ? parts.slice(1) : parts;
  return shown.map((part, index) => (index === 0 ? String(part) : String(part).padStart(2, '0'))).join(':');
}
