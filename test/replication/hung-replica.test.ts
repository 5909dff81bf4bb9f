/**
 * A replica that answers nothing at all, as a mount whose server is gone. A named pipe in the place of its identity does the
 * same to whoever opens it: it waits, and its thread with it.
 */
import { execFile } from 'node:child_process';
import { constants } from 'node:fs';
import { open, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';
import { isInstalled } from '../server/required-program.js';
import { startServer } from '../server/harness.js';
import { errorOf, expectCopies, lagOf, remove, replicaOf, storeLarge, writeSome } from './copies.js';
import { nothingOwed, stateOf, sync } from './replica-client.js';
import { eventually } from './wait-until.js';

/** Resolves to what ends the hanging. */
async function hang(path: string): Promise<() => Promise<void>> {
  const identity = join(path, 'holdfast.json');
  const pipe = join(path, 'pipe');
  await promisify(execFile)('mkfifo', [pipe]);
  await rename(identity, `${identity}.own`);
  await rename(pipe, identity);
  return async () => {
    await rename(identity, pipe);
    await rename(`${identity}.own`, identity);
    // Whoever waits gets an end of the file; where nobody does, there is nobody to wake.
    await open(pipe, constants.O_WRONLY | constants.O_NONBLOCK).then(
      (writer) => writer.close(),
      () => undefined,
    );
    await rm(pipe);
  };
}

it.skipIf(!isInstalled('mkfifo'))(
  'keeps neither uploads, nor deletes, nor the other replica, nor a start waiting',
  async () => {
    const server = await startServer({ GC_GRACE: '0s' });
    const garbage = [await storeLarge(server, 1), await storeLarge(server, 2)];
    await nothingOwed(server);
    const recover = await hang(replicaOf(server, 'replica2'));
    try {
      for (const [round, file] of garbage.entries()) {
        await remove(server, file);
        await writeSome(server, round);
        await sync(server);
      }
      await eventually(() => lagOf(server, 'replica1'), 0);
      expect(await errorOf(server, 'replica2')).toBe('store_unreachable');
      expect(['degraded', 'offline']).toContain(await stateOf(server, 'replica2'));
      // A process with a thread that waits for such a disk does not end by itself.
      await server.restart('SIGKILL');
      expect(await stateOf(server, 'replica2')).toBe('offline');
      await writeSome(server, 3);
      await eventually(() => lagOf(server, 'replica1'), 0);
    } finally {
      await recover();
    }
    await sync(server);
    await nothingOwed(server);
    expect(await stateOf(server, 'replica2')).toBe('online');
    await eventually(
      () =>
        expectCopies(server, 'replica1', 'replica2').then(
          () => 'equal',
          () => 'not yet',
        ),
      'equal',
    );
  },
);
