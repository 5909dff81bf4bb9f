import type { FailedSync } from '#libs/durable-fs';
import { statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { expect, it } from 'vitest';
import { watchPrimaryDisk } from './primary-disk.js';

const PRIMARY = tmpdir();
const { dev: DISK } = statSync(PRIMARY);
const OTHER_DISK = DISK === 0x0801 ? 0x0802 : 0x0801;

it.each([
  ['the disk of the primary is told to the checkpointer', DISK, ['lost']],
  ['another disk is not', OTHER_DISK, []],
])('a sync that failed on %s', async (_name, device, expected) => {
  const doubts: string[] = [];
  let tell: (failed: FailedSync) => void = () => undefined;
  await watchPrimaryDisk({
    storagePath: PRIMARY,
    syncs: {
      listen: (listener) => {
        tell = listener;
        return () => undefined;
      },
    },
    doubt: async ({ message }) => void doubts.push(message),
  });
  tell({ device, endedAtNs: 1n, error: new Error('lost') });
  // At once: the next sync on this disk, perhaps the checkpoint's, would say yes.
  expect(doubts).toEqual(expected);
});
