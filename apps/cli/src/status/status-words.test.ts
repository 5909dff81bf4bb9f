import type { StoreStatus } from '#libs/client';
import { describe, expect, it } from 'vitest';
import { statusReport } from './status-words.js';
import type { ServerAnswers } from './server-answers.js';

const NOW_MS = 1_764_000_000_000;
const MIB = 1024 * 1024;

const NOTHING_OWED = { put: 0, delete: 0, repair: 0 };

function replica(name: string, facts: Partial<StoreStatus> = {}): StoreStatus {
  return {
    name,
    url: `/data/${name}`,
    state: 'online',
    obligations: NOTHING_OWED,
    lag: { files: 0, bytes: 0, seconds: 0 },
    last_success_at: NOW_MS - 12_000,
    last_error: null,
    ...facts,
  };
}

const lagging = (name: string, put: number): StoreStatus =>
  replica(name, { obligations: { ...NOTHING_OWED, put }, lag: { files: put, bytes: put * MIB, seconds: 90 } });

const error = (code: string, atMs = NOW_MS - 5000) => ({ code, message: `it says ${code}`, at: atMs });

function answers(stores: readonly StoreStatus[], more: Partial<ServerAnswers> = {}): ServerAnswers {
  return {
    url: 'http://127.0.0.1:8080',
    ready: { status: 'ready', reasons: [] },
    replicas: { stores, queue: { kind: 'embedded', state: 'ready', last_error: null } },
    log: { segments: [{ size_bytes: 64 * MIB }], committed_lsn: 30, applied_lsn: 29, checkpoint_lsn: 10 },
    ...more,
  };
}

const wrongOf = (given: ServerAnswers): readonly string[] => statusReport(given, NOW_MS).wrong;
const textOf = (given: ServerAnswers): string =>
  statusReport(given, NOW_MS)
    .lines.map(({ text }) => text)
    .join('\n');
const survivalOf = (...stores: StoreStatus[]): string =>
  /If the primary's disk dies now: (.*)/.exec(textOf(answers(stores)))![1]!;

describe('the screen', () => {
  it('of a sound installation', () => {
    expect(textOf(answers([replica('replica1'), lagging('replica2', 3)])).split('\n')).toEqual([
      'The server at http://127.0.0.1:8080 serves.',
      'The log ends at LSN 30, applied up to 29, checkpoint at 10; 64.0 MiB on the disk.',
      '',
      'store     state   owed                            last success  last error',
      'replica1  online  nothing                         12 s ago      -',
      'replica2  online  3 to copy (3.0 MiB), for 1 min  12 s ago      -',
      'Copies are made by the server itself.',
      '',
      'What survives what',
      "  If the primary's disk dies now: no file is lost; replica1 has all of them.",
      '  If a replica dies: no file is lost.',
      '',
      'Nothing is wrong.',
    ]);
  });

  it('shows the scrub where the server speaks of it', () => {
    const scrub = { state: 'running', corrupt: 2, last_completed_at: NOW_MS - 2 * 86_400_000 };
    expect(textOf(answers([replica('replica1', { scrub }), replica('replica2')]))).toMatch(
      /replica1 .* running, 2 corrupt, whole 2 d ago\nreplica2 .* -\n/,
    );
  });

  it('shows the primary above its replicas, with the repairs that it is owed', () => {
    const given = answers([replica('replica1')]);
    const primary = replica('primary', {
      obligations: { ...NOTHING_OWED, repair: 2 },
      lag: { files: 2, bytes: MIB, seconds: 5 },
    });
    expect(textOf({ ...given, replicas: { ...given.replicas, primary } })).toMatch(
      /^primary +online +2 to repair .*\nreplica1 +online +nothing /m,
    );
  });

  it('keeps what a terminal would obey out of a message of a store', () => {
    const last_error = { ...error('store_unreachable'), message: 'gone\u001B[2J\nNothing is wrong.' };
    const { lines } = statusReport(answers([replica('replica1', { state: 'offline', last_error })]), NOW_MS);
    expect(lines.filter(({ text }) => /\p{Cc}/u.test(text))).toEqual([]);
  });
});

it('names the disk for whose sake uploads are refused, once for all that share it', () => {
  const given = answers([replica('replica1')]);
  const full = { lacks: 'bytes', free: 3 * MIB, reserved: 256 * MIB };
  const full_disks = [
    { ...full, path: '/data/primary' },
    { ...full, path: '/data' },
    { path: '/wal', lacks: 'inodes', free: 12, reserved: 4096 },
  ];
  const [bytes, inodes, ...more] = wrongOf({ ...given, replicas: { ...given.replicas, full_disks } });
  expect(bytes).toContain('(507): of the disk of /data/primary, /data 3.0 MiB are free, and 256 MiB are kept');
  expect(inodes).toContain('of the disk of /wal 12 inodes are free, and 4096 are kept');
  expect([more, wrongOf({ ...given, replicas: { ...given.replicas, full_disks: [] } })]).toEqual([[], []]);
});

describe('what survives the loss of the primary', () => {
  it.each([
    ['nobody but the primary has anything', [], 'every file is lost; there is no replica.'],
    ['one that leaves is none', [replica('r1', { state: 'draining' })], 'every file is lost; there is no replica.'],
    ['a primary in the list is none', [replica('primary')], 'every file is lost; there is no replica.'],
    ['each has all', [replica('r1'), replica('r2')], 'no file is lost; r1 and r2 each have all of them.'],
    ['one has all', [lagging('r1', 4), replica('r2')], 'no file is lost; r2 has all of them.'],
    [
      'each lacks some',
      [lagging('r1', 9), lagging('r2', 4)],
      'at most 4 files (4.0 MiB) are lost, owed for 1 min at most; r2 has all others.',
    ],
    [
      'only deletes are owed',
      [replica('r1', { obligations: { ...NOTHING_OWED, delete: 7 } })],
      'no file is lost; r1 has all of them.',
    ],
    [
      'a repair is owed',
      [replica('r1', { obligations: { ...NOTHING_OWED, repair: 1 }, lag: { files: 1, bytes: MIB, seconds: 2 } })],
      'at most 1 file (1.0 MiB) is lost, owed for 2 s at most; r1 has all others.',
    ],
    [
      'the one that has all is away',
      [replica('r1', { state: 'offline' }), lagging('r2', 4)],
      'at most 4 files (4.0 MiB) are lost, owed for 1 min at most; r2 has all others.',
    ],
    ['all are away', [replica('r1', { state: 'offline' })], 'nobody can say what is left: r1 does not answer.'],
    [
      'another store stands there',
      [replica('r1', { state: 'foreign' })],
      'nobody can say what is left: r1 does not answer.',
    ],
    [
      'it is being filled',
      [replica('r1', { filling: true })],
      'nobody can say what is left: r1 is being looked through.',
    ],
  ])('%s', (_, stores, expected) => {
    expect(survivalOf(...stores)).toBe(expected);
  });
});

describe('what survives the loss of a replica', () => {
  it.each([
    ['the primary has all', NOTHING_OWED, 'no file is lost.'],
    [
      'repairs are owed to the primary',
      { ...NOTHING_OWED, repair: 2 },
      'at most 2 files are lost, which the primary does not have whole.',
    ],
  ])('%s', (_, obligations, expected) => {
    const given = answers([replica('r1')]);
    const primary = replica('primary', { obligations });
    expect(textOf({ ...given, replicas: { ...given.replicas, primary } })).toContain(`If a replica dies: ${expected}`);
  });
});

describe('what is wrong', () => {
  const fine = [replica('r1')];
  const queue = { kind: 'redis', state: 'unavailable', last_error: 'connect ECONNREFUSED' };

  /** How many unknown manifests were seen on `r0`, `r1` and so on. */
  const heldFor = (...counts: readonly (number | null)[]) => ({
    held_by: ['unseen_replicas'],
    awaited: counts.map((count, index) => ({ store: `r${index}`, unknown_manifests: count })),
  });

  it('tells apart from it that the collection waits, for which store, and that this ends by itself', () => {
    const given = answers(fine, { replicas: { ...answers(fine).replicas, collection: heldFor(null, 3, null) } });
    expect(textOf(given)).toMatch(/^No garbage is collected yet: .* not all of r0, r2 was .* by itself/m);
  });

  it.each<[string, ServerAnswers]>([
    ['a replica that lags', answers([lagging('r1', 1000)])],
    [
      'one that has just stumbled',
      answers([replica('r1', { state: 'degraded', last_error: error('store_unreachable') })]),
    ],
    [
      'an error that is over',
      answers([replica('r1', { state: 'degraded', last_error: error('store_full', NOW_MS - 60_000) })]),
    ],
    ['one that leaves', answers([replica('r1'), replica('r2', { state: 'draining' })])],
    ['one that is being filled', answers([replica('r1', { filling: true })])],
    [
      'a collection that waits for a look at a store',
      answers(fine, { replicas: { ...answers(fine).replicas, collection: heldFor(null, 0) } }),
    ],
  ])('is not %s', (_, given) => {
    expect(wrongOf(given)).toEqual([]);
    expect(textOf(given)).toContain('Nothing is wrong.');
  });

  it.each<[string, ServerAnswers, RegExp]>([
    ['no replica', answers([]), /REPLICAS/],
    [
      'a replica that is away',
      answers([replica('r1', { state: 'offline', last_error: error('store_unreachable') })]),
      /^r1 is away \(store_unreachable: it says store_unreachable\)\. .*\/data\/r1.*"Replica lost"/,
    ],
    ['another store in its place', answers([replica('r1', { state: 'foreign' })]), /npm run holdfast -- adopt r1$/],
    [
      'a replica that is full',
      answers([replica('r1', { state: 'degraded', last_error: error('store_full') })]),
      /Free space there/,
    ],
    [
      'a replica that is read-only',
      answers([replica('r1', { state: 'degraded', last_success_at: null, last_error: error('store_read_only') })]),
      /Mount it writable/,
    ],
    [
      'credentials that are refused',
      answers([replica('r1', { state: 'degraded', last_error: error('store_refused') })]),
      /AWS_ACCESS_KEY_ID/,
    ],
    ['a poisoned log', answers(fine, { ready: { status: 'not_ready', reasons: ['log_poisoned'] } }), /restart/],
    [
      'apply that is halted',
      answers(fine, { ready: { status: 'not_ready', reasons: ['apply_halted'] } }),
      /Free space/,
    ],
    [
      'checkpoints that fail',
      answers(fine, { ready: { status: 'not_ready', reasons: ['checkpoint_failed'] } }),
      /restart/,
    ],
    ['Redis away', answers(fine, { replicas: { stores: fine, queue } }), /connect ECONNREFUSED.*"Redis lost"/],
    [
      'a collection that is held',
      answers(fine, { replicas: { ...answers(fine).replicas, collection: { held_by: ['log_was_gone'] } } }),
      /^No garbage is collected: the log was gone.*"Catalog lost"/,
    ],
    [
      'a collection that is held because a replica knows files that the rebuilt catalog does not',
      answers(fine, { replicas: { ...answers(fine).replicas, collection: heldFor(null, 0, 2) } }),
      /^No garbage is collected: .* does not know, 2 on r2\. .*"A file that only a replica knows"/,
    ],
    [
      'a file that is whole nowhere',
      answers(fine, {
        replicas: { ...answers(fine).replicas, damaged: [{ file_id: 'an-id', file_name: 'photo.jpg' }] },
      }),
      /^The file an-id "photo.jpg" is damaged.*"A file is damaged"/,
    ],
  ])('is %s, and it says what helps', (_, given, expected) => {
    expect(wrongOf(given)).toEqual([expect.stringMatching(expected)]);
    expect(textOf(given)).not.toContain('Nothing is wrong.');
  });

  it('names some of many damaged files and counts the others', () => {
    const damaged = Array.from({ length: 7 }, (_, index) => ({ file_id: `id-${index}`, file_name: 'photo.jpg' }));
    const wrong = wrongOf(answers(fine, { replicas: { ...answers(fine).replicas, damaged } }));
    expect(wrong).toHaveLength(6);
    expect(wrong.at(-1)).toMatch(/^And 2 more/);
  });
});
