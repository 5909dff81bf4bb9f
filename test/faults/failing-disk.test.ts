/** Disks on which single system calls fail under a running server. Real errors of a device are in lost-write-back.test.ts. */
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { StoredFile } from '../server/file-client.js';
import { ask, testBytes } from '../server/http-client.js';
import { checkpointTaken, Clients, eventually, reasonsNotReady, unreadable } from './clients.js';
import { failCalls } from './failing-calls.js';
import type { FailingCalls } from './failing-calls.js';
import { FaultyInstallation } from './faulty-installation.js';
import { reasonToSkip, whySkipped } from './privileges.js';

/** strace counts the calls of each thread: with one thread for the disk it counts all of them. */
const ONE_THREAD = { UV_THREADPOOL_SIZE: '1' };
const ONCE = '1';

const small = (serial: number): Buffer => testBytes(1_000 + serial, serial);
const large = (serial: number): Buffer => testBytes(40_000 + serial, serial);

const reason = reasonToSkip(['strace']);

describe.skipIf(reason !== undefined)(`a disk whose fsync of the log fails${whySkipped(reason)}`, () => {
  const BARRIERS: readonly [fault: string, fails: (installation: FaultyInstallation) => Promise<FailingCalls>][] = [
    [
      'fdatasync of the segment, once',
      async (installation) => ({
        calls: 'fdatasync',
        error: 'EIO',
        paths: [await installation.activeSegment()],
        when: ONCE,
      }),
    ],
    [
      'the write of a batch, and the one that cuts it back',
      async (installation) => ({ calls: 'pwrite64', error: 'EIO', paths: [await installation.activeSegment()] }),
    ],
    [
      'fsync of the directory, when a new segment gets its name',
      async (installation) => ({
        calls: 'fsync',
        error: 'EIO',
        paths: [join(installation.path('wal'), 'segments')],
        when: ONCE,
      }),
    ],
  ];

  it.each(BARRIERS)(
    '(%s) is poisoned: nothing is acknowledged until a restart, which has all that was',
    async (_fault, fails) => {
      await using installation = await FaultyInstallation.create();
      const url = await installation.start(ONE_THREAD);
      const clients = new Clients(small);
      await clients.uploads(url, 5);
      {
        await using _fault = await failCalls(installation.mounts, installation.server.pid, await fails(installation));
        await clients.uploadUntilRefused(url);
      }
      // The disk is well again, and would say yes to a second fsync that proves nothing.
      const acknowledged = clients.kept.size;
      clients.refusals.clear();
      await clients.uploads(url, 5);
      expect(clients.kept.size).toBe(acknowledged);
      expect([...clients.refusals]).toEqual(['503 log_poisoned']);
      const deleted = await ask(`${url}/files/${[...clients.kept.keys()][0]}`, { method: 'DELETE' });
      expect(deleted.json()).toMatchObject({ status: 503, code: 'log_poisoned' });
      expect(await reasonsNotReady(url)).toEqual(['log_poisoned']);
      expect(await unreadable(url, clients.kept)).toEqual([]);

      const urlAfter = await installation.restart();
      expect(await clients.brokenPromises(urlAfter)).toEqual([]);
      expect(await reasonsNotReady(urlAfter)).toEqual([]);
      await clients.uploadUntilStored(urlAfter);
    },
  );
});

describe.skipIf(reason !== undefined)(`a disk that fails a single write${whySkipped(reason)}`, () => {
  interface Failure {
    readonly fails: (installation: FaultyInstallation) => Promise<FailingCalls>;
    readonly contentOf: (serial: number) => Buffer;
    readonly refusal: string;
  }

  const paths = (installation: FaultyInstallation, names: readonly string[]): string[] =>
    names.map((name) => join(installation.path('primary'), name));

  const FAILURES: readonly [fault: string, failure: Failure][] = [
    [
      'a batch of the log, which is cut back',
      {
        fails: async (installation) => ({
          calls: 'pwrite64',
          error: 'EIO',
          paths: [await installation.activeSegment()],
          when: ONCE,
        }),
        contentOf: small,
        refusal: '503 log_write_failed',
      },
    ],
    [
      'the zeros of the next segment',
      {
        fails: async (installation) => ({
          calls: 'fdatasync',
          error: 'EIO',
          paths: [join(installation.path('wal'), 'segments', 'next.tmp')],
        }),
        contentOf: (serial) => testBytes(3_900, serial),
        refusal: '503 log_write_failed',
      },
    ],
    [
      'the sync of a staged chunk',
      {
        fails: async (installation) => ({
          calls: 'fdatasync',
          error: 'EIO',
          paths: paths(
            installation,
            Array.from({ length: 100 }, (_, index) => join('staging', `chunk-${index}.tmp`)),
          ),
        }),
        contentOf: large,
        refusal: '503 store_write_failed',
      },
    ],
    [
      'the sync of the directories in which chunks get their names',
      {
        fails: async (installation) => ({
          calls: 'fsync',
          error: 'EIO',
          paths: paths(
            installation,
            Array.from({ length: 256 }, (_, shard) => join('chunks', shard.toString(16).padStart(2, '0'))),
          ),
        }),
        contentOf: large,
        refusal: '503 store_write_failed',
      },
    ],
    [
      'the catalog',
      {
        fails: async (installation) => ({
          calls: 'pwrite64',
          error: 'EIO',
          paths: ['catalog.db', 'catalog.db-wal'].map((name) => join(installation.path('catalog'), name)),
        }),
        contentOf: small,
        refusal: '503 outcome_unknown',
      },
    ],
  ];

  it.each(FAILURES)('(%s) refuses what it hit, and goes on without a restart', async (_fault, failure) => {
    await using installation = await FaultyInstallation.create();
    const url = await installation.start(ONE_THREAD);
    const clients = new Clients(failure.contentOf);
    await clients.uploads(url, 2);
    {
      await using _fault = await failCalls(
        installation.mounts,
        installation.server.pid,
        await failure.fails(installation),
      );
      await eventually(async () => {
        const { status } = await clients.upload(url);
        return status === 201 ? 'the fault has hit nothing yet' : true;
      });
      expect([...clients.refusals]).toEqual([failure.refusal]);
      expect(await unreadable(url, clients.kept)).toEqual([]);
    }
    await clients.uploadUntilStored(url);
    expect(await unreadable(url, clients.unknown)).toEqual([]);
    await checkpointTaken(url, clients);
    expect(await reasonsNotReady(url)).toEqual([]);
    expect(await clients.brokenPromises(await installation.restart())).toEqual([]);
  });
});

interface ReadyAnswer {
  readonly last_recovery: { readonly catalog_rebuilt: string | null };
}

describe.skipIf(reason !== undefined)(`a disk that fails a checkpoint${whySkipped(reason)}`, () => {
  /** Which calls fail; `stored` is a file that no checkpoint covers yet. */
  type Fault = (installation: FaultyInstallation, stored: StoredFile) => FailingCalls;

  /** The server meets the fault at a checkpoint, takes no other, and is started again; answers with what that start did. */
  async function throughRestart(faultOf: Fault): Promise<ReadyAnswer['last_recovery']> {
    await using installation = await FaultyInstallation.create();
    const url = await installation.start();
    const clients = new Clients(small);
    const stored = await clients.uploadUntilStored(url);
    {
      await using _fault = await failCalls(installation.mounts, installation.server.pid, faultOf(installation, stored));
      await eventually(async () => {
        await clients.uploads(url, 10);
        const reasons = await reasonsNotReady(url);
        return reasons.length > 0 ? reasons : 'no checkpoint has met the fault';
      });
    }
    await clients.uploads(url, 100);
    expect([...clients.refusals]).toEqual([]);
    expect(await reasonsNotReady(url)).toEqual(['checkpoint_failed']);
    const { checkpoint_lsn: checkpoint } = (await ask(`${url}/admin/wal/segments`)).json<{ checkpoint_lsn: number }>();
    expect(checkpoint).toBeLessThan(stored.lsn);

    const urlAfter = await installation.restart();
    const { last_recovery: recovery } = (await ask(`${urlAfter}/ready`)).json<ReadyAnswer>();
    await checkpointTaken(urlAfter, clients);
    expect(await reasonsNotReady(urlAfter)).toEqual([]);
    expect(await clients.brokenPromises(await installation.restart())).toEqual([]);
    return recovery;
  }

  it('at the sync of a manifest: no checkpoint until a restart, and the log keeps everything', async () => {
    const recovery = await throughRestart((installation, { file_id: fileId }) => ({
      calls: 'fdatasync',
      error: 'EIO',
      paths: [join(installation.path('primary'), 'manifests', fileId.slice(-2), fileId)],
    }));
    expect(recovery.catalog_rebuilt).toBeNull();
  });

  it('at the sync of the catalog: the log keeps everything until a restart, which builds the catalog anew', async () => {
    const recovery = await throughRestart((installation) => ({
      calls: 'fdatasync,fsync',
      error: 'EIO',
      paths: ['catalog.db', 'catalog.db-wal'].map((name) => join(installation.path('catalog'), name)),
    }));
    expect(recovery.catalog_rebuilt).toBe('in_doubt');
  });
});
