/** Disks that fill under a running server, each in the way of another step, and are freed again. */
import { readdir } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { ask, talk, testBytes } from '../server/http-client.js';
import type { ServerProcess } from '../server/server-process.js';
import { fillDisk, fillInodes } from './ballast.js';
import type { Relief } from './ballast.js';
import { checkpointTaken, Clients, eventually, reasonsNotReady, refusal, unreadable } from './clients.js';
import { FaultyInstallation } from './faulty-installation.js';
import type { Place } from './faulty-installation.js';
import { reasonToSkip, whySkipped } from './privileges.js';

const SIZE_MIB = 24;
/** The directories of a primary take 1,030. */
const INODES = 1_500;
const RESERVED_INODES = 4_096;

/** Inline, and so large that few of them fill a segment. */
const small = (serial: number): Buffer => testBytes(3_000 + serial, serial);
const large = (serial: number): Buffer => testBytes(40_000 + serial, serial);
/** Takes a block of the disk, and hardly any of the free space that is counted before. */
const tiny = (serial: number): Buffer => testBytes(1 + serial, serial);
const tinyOrLarge = (serial: number): Buffer => (serial % 3 === 0 ? large(serial) : tiny(serial));
const mixed = (serial: number): Buffer => (serial % 3 === 0 ? large(serial) : small(serial));

const fillUpToHalfASegment = (directory: string): Promise<Relief> => fillDisk(directory, 32 * 1024);
const fillAlmost = (directory: string): Promise<Relief> => fillDisk(directory, 2 * 4096);

interface Fill {
  readonly place: Place;
  readonly fill: (directory: string) => Promise<Relief>;
  readonly contentOf: (serial: number) => Buffer;
  /** The refusals that may be met, the first of them must be. */
  readonly refusals: readonly string[];
}

const REFUSED = ['507 disk_reserve'];
/** Whoever asks for more than is free, even with a reserve of nothing, is refused before. */
const APPLY_HALTED = ['503 outcome_unknown', '503 apply_halted', ...REFUSED];

const FILLS: readonly [fault: string, fill: Fill][] = [
  ['staging, for want of inodes', { place: 'primary', fill: fillInodes, contentOf: large, refusals: REFUSED }],
  ['appending, for want of space', { place: 'wal', fill: fillUpToHalfASegment, contentOf: small, refusals: REFUSED }],
  ['appending, for want of inodes', { place: 'wal', fill: fillInodes, contentOf: small, refusals: REFUSED }],
  ['applying to the primary', { place: 'primary', fill: fillAlmost, contentOf: tiny, refusals: APPLY_HALTED }],
  [
    'applying to the primary, for want of inodes',
    { place: 'primary', fill: fillInodes, contentOf: small, refusals: APPLY_HALTED },
  ],
  ['applying to the catalog', { place: 'catalog', fill: fillAlmost, contentOf: tiny, refusals: APPLY_HALTED }],
  ['all steps at once', { place: 'all', fill: fillAlmost, contentOf: tinyOrLarge, refusals: APPLY_HALTED }],
];

const SERVED_OR_WHY =
  /^served$|^1 disk_full: holdfast: The disk of (WAL_PATH|STORAGE_PATH|DATABASE_URL) .*free .* there and start again/;

const reason = reasonToSkip();

/** `served`, where everything is, or how the start was refused. */
async function outcomeOf(server: ServerProcess, clients: Clients): Promise<string> {
  const url = await server.url().catch(() => undefined);
  if (url !== undefined) return `served ${(await unreadable(url, clients.kept)).join()}`.trim();
  const { code } = await server.exited;
  return `${code} ${String(server.logLines().at(-1)?.['code'])}: ${server.stderr.trim()}`;
}

describe.skipIf(reason !== undefined)(`a disk that fills${whySkipped(reason)}`, () => {
  it.each(FILLS)('while %s: writes are refused, reads go on, and it needs no restart', async (_fault, kind) => {
    await using installation = await FaultyInstallation.create();
    await installation.mounts.tmpfs(installation.path(kind.place), { sizeMib: SIZE_MIB, inodes: INODES });
    const url = await installation.start();
    const clients = new Clients(kind.contentOf);
    await clients.uploads(url, 5);

    const relieve = await kind.fill(installation.seen(kind.place));
    await clients.uploadUntilRefused(url);
    expect(kind.refusals).toEqual(expect.arrayContaining([...clients.refusals]));
    expect([...clients.refusals]).toContain(kind.refusals[0]);
    expect(await unreadable(url, clients.kept)).toEqual([]);

    await relieve();
    await clients.uploadUntilStored(url);
    // Apply keeps the order: what is stored behind them has applied all that were left open.
    expect(await unreadable(url, clients.unknown)).toEqual([]);
    await checkpointTaken(url, clients);
    expect(await reasonsNotReady(url)).toEqual([]);
    expect(await clients.brokenPromises(url)).toEqual([]);
    expect(await readdir(installation.seen('primary', 'staging'))).toEqual([]);

    expect(await clients.brokenPromises(await installation.restart())).toEqual([]);
  });

  it('while a checkpoint is taken at the stop: the stop says so, and the next start has everything', async () => {
    // One segment takes all of it: a checkpoint at a rotation would leave nothing for the one at the stop.
    await using installation = await FaultyInstallation.create({ WAL_SEGMENT_SIZE: '16MiB', WAL_MAX_SIZE: '64MiB' });
    await installation.mounts.tmpfs(installation.path('catalog'), { sizeMib: SIZE_MIB });
    const clients = new Clients(mixed);
    const url = await installation.start();
    await clients.uploads(url, 40);
    const relieve = await fillDisk(installation.seen('catalog'));
    expect(await installation.server.stop('SIGTERM')).toEqual({ code: 1, signal: null });
    await relieve();
    expect(await clients.brokenPromises(await installation.start())).toEqual([]);
  });

  it.each(['primary', 'wal', 'catalog', 'all'] as const)(
    'and is full at a start: %s. It serves or says which disk, and starts when there is room',
    async (place) => {
      await using installation = await FaultyInstallation.create();
      await installation.mounts.tmpfs(installation.path(place), { sizeMib: SIZE_MIB });
      const clients = new Clients(mixed);
      const url = await installation.start();
      await clients.uploads(url, 20);
      await installation.server.stop('SIGKILL');
      const relieve = await fillDisk(installation.seen(place));

      const server = await installation.launch();
      expect(await outcomeOf(server, clients)).toMatch(SERVED_OR_WHY);
      await server.stop('SIGKILL');
      await relieve();
      expect(await clients.brokenPromises(await installation.start())).toEqual([]);
    },
  );
});

describe.skipIf(reason !== undefined)(`a disk that is down to DISK_RESERVE${whySkipped(reason)}`, () => {
  const RESERVE_MIB = 16;

  it.each([
    ['space, where all is on one disk', 'all', (directory: string) => fillDisk(directory, (RESERVE_MIB - 1) * 2 ** 20)],
    ['inodes', 'primary', (directory: string) => fillInodes(directory, RESERVED_INODES - 100)],
    ['space of the catalog', 'catalog', (directory: string) => fillDisk(directory, (RESERVE_MIB - 1) * 2 ** 20)],
  ] as const)('of %s: 507 before the body is taken, and deletes go on', async (_what, place, fill) => {
    await using installation = await FaultyInstallation.create({ DISK_RESERVE: `${RESERVE_MIB}MiB` });
    const sizes = { sizeMib: 2 * RESERVE_MIB, inodes: INODES + RESERVED_INODES };
    await installation.mounts.tmpfs(installation.path(place), sizes);
    const url = await installation.start();
    const clients = new Clients(mixed);
    await clients.uploads(url, 20);

    const relieve = await fill(installation.seen(place));
    await eventually(async () => {
      const { status } = await clients.upload(url);
      return status === 201 ? 'the last answer about free space is still in use' : true;
    });
    expect([...clients.refusals]).toEqual(REFUSED);
    // The body never comes, and the answer does.
    const { host } = new URL(url);
    const head = `PUT /write?name=f HTTP/1.1\r\nhost: ${host}\r\ncontent-length: 500000\r\n\r\n`;
    expect(await talk(url, head)).toMatch(/^HTTP\/1\.1 507 [\s\S]*"code":"disk_reserve"/);
    expect(await unreadable(url, clients.kept)).toEqual([]);

    for (const fileId of [...clients.kept.keys()].slice(0, 15)) {
      const answer = await ask(`${url}/files/${fileId}`, { method: 'DELETE' });
      expect(answer.status, answer.status === 204 ? '' : refusal(answer)).toBe(204);
      clients.kept.delete(fileId);
    }
    await relieve();
    await clients.uploadUntilStored(url);
    expect(await clients.brokenPromises(await installation.restart())).toEqual([]);
  });
});
