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
import { ask } from '../server/http-client.js';
import { errorOf, expectCopies, lagOf, remove, replicaOf, storeLarge, writeSome } from './copies.js';
import { nothingOwed, stateOf, sync } from './replica-client.js';
import { recordPath } from './stores.js';
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
    await letGo(pipe);
    await rm(pipe);
  };
}

/** Whoever waits gets an end of the file; where nobody does, there is nobody to wake. */
function letGo(pipe: string): Promise<void> {
  return open(pipe, constants.O_WRONLY | constants.O_NONBLOCK).then(
    (writer) => writer.close(),
    () => undefined,
  );
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

// Asked who it is, it answers: it hangs at the first file of a job, when that job is under way.
it.skipIf(!isInstalled('mkfifo'))(
  'that begins to hang in the middle of a job keeps no other from its copies',
  async () => {
    const server = await startServer();
    const path = replicaOf(server, 'replica2');
    await rename(path, `${path}.away`);
    const file = await storeLarge(server, 1);
    await eventually(() => lagOf(server, 'replica1'), 0);
    const pipe = recordPath(path, 'manifests', file.file_id);
    await promisify(execFile)('mkfifo', [recordPath(`${path}.away`, 'manifests', file.file_id)]);
    await rename(`${path}.away`, path);
    const stateThere = async (): Promise<string | undefined> => {
      const { replication } = (await ask(`${server.url}/files/${file.file_id}`)).json<typeof file>();
      return replication.stores.find(({ name }) => name === 'replica2')?.state;
    };
    await eventually(stateThere, 'copying');
    for (let round = 0; round < 3; round += 1) {
      await writeSome(server, round);
      await eventually(() => lagOf(server, 'replica1'), 0);
    }
    expect(await stateThere()).toBe('copying');
    await expectCopies(server, 'replica1');
    // It is read more than once before it is set aside.
    await eventually(async () => {
      await letGo(pipe);
      return lagOf(server, 'replica2');
    }, 0);
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
