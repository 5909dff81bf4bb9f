import { StoreError } from '#libs/kernel';
import type { LogLayout } from './log-layout.js';

/** The log cannot be opened for want of `neededBytes`; it was not changed, and the next start finds it as this one did. */
export function logDiskFull({ root }: LogLayout, neededBytes: number, cause: unknown): StoreError {
  return new StoreError(
    'disk_full',
    `The disk of WAL_PATH (${root}) is too full to open the log: free at least ${neededBytes} bytes there and start again. Nothing is lost.`,
    { context: { setting: 'WAL_PATH', path: root, needed_bytes: neededBytes }, cause },
  );
}
