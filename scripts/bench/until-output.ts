/** Waits for the line by which a program says that it serves. */
import type { ChildProcess } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';

const TIMEOUT_MS = 20_000;
const POLL_MS = 20;

export async function untilOutput(
  child: ChildProcess,
  { outputPath, text }: Record<'outputPath' | 'text', string>,
): Promise<void> {
  const deadlineMs = performance.now() + TIMEOUT_MS;
  for (;;) {
    const output = await readFile(outputPath, 'utf8');
    if (output.includes(text)) return;
    const hasEnded = child.exitCode !== null || child.signalCode !== null;
    if (hasEnded || performance.now() > deadlineMs)
      throw new Error(`${child.spawnfile} ${hasEnded ? 'ended' : 'does not start'}: ${output}`);
    await delay(POLL_MS);
  }
}
