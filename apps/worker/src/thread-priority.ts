/**
 * The thread that copies yields to the one that answers requests: on a machine with few processors a burst of uploads is
 * answered first and copied behind it.
 */
import { readlinkSync } from 'node:fs';
import { setPriority } from 'node:os';
import { basename } from 'node:path';

/** The least there is: wherever both want the same processor, some seventieth of what an ordinary thread gets. */
const NICENESS = 19;

/** Of the calling thread, and of those it starts from now on. Does nothing where threads have no priority of their own. */
export function lowerThreadPriority(): void {
  try {
    // Linux counts niceness by thread, takes a thread's id for a process's, and shows each thread its own here.
    setPriority(Number(basename(readlinkSync('/proc/thread-self'))), NICENESS);
  } catch {
    // Copies then compete with requests; nothing else changes.
  }
}
