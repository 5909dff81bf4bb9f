/**
 * What becomes of one damaged byte, by the kind of file that it is in. The table is the documentation: a start that refuses
 * says where and has changed nothing, a file that is damaged is never served and keeps no other from being served, and what
 * can be made again is made again.
 */
import { readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { store } from '../server/file-client.js';
import type { StoredFile } from '../server/file-client.js';
import { ask, sha256, testBytes } from '../server/http-client.js';
import { copyDirectory, filesBelow, makeInstallation } from '../server/installation.js';
import type { Installation } from '../server/installation.js';
import { ServerProcess } from '../server/server-process.js';
import { describeAnswer, refusal, unreadable } from './clients.js';

interface Entry {
  readonly segment_id: string;
  readonly offset_bytes: number;
  readonly length_bytes: number;
}

/** An installation that has lived: files of both sizes, one deleted, and what stood where in the log. */
interface Life {
  readonly installation: Installation;
  readonly small: StoredFile;
  readonly large: StoredFile;
  readonly deleted: StoredFile;
  /** By id, all that is to be there. */
  readonly files: Map<string, Buffer>;
  readonly entries: readonly Entry[];
}

const path = ({ installation }: Life, ...names: string[]): string => join(installation.directory, ...names);
const segment = (life: Life): string => path(life, 'wal', 'segments', `${life.entries[0]!.segment_id}.wal`);
const manifest = (life: Life, { file_id: id }: StoredFile): string =>
  path(life, 'primary', 'manifests', id.slice(-2), id);
const tombstone = (life: Life): string => {
  const { file_id: id } = life.deleted;
  return path(life, 'primary', 'tombstones', id.slice(-2), id);
};

/** Few and large segments: all of a life is in one. */
const SETTINGS = { REPLICAS: '', WAL_SEGMENT_SIZE: '1MiB' };

/** Notes of holders, and what SQLite keeps beside an index that can be thrown away, change with every process. */
const PASSING = /LOCK\.holder\.json$|catalog\.db-(wal|shm)$/;

const endOfLog = ({ entries }: Life): number => entries.at(-1)!.offset_bytes + entries.at(-1)!.length_bytes;

/** The chunk with which the large file starts; no other starts like it. */
async function firstChunk(life: Life): Promise<string> {
  const content = life.files.get(life.large.file_id)!;
  const directory = path(life, 'primary', 'chunks');
  for (const name of await readdir(directory, { recursive: true })) {
    if (!name.includes('/')) continue;
    const bytes = await readFile(join(directory, name));
    if (bytes.equals(content.subarray(0, bytes.length))) return join(directory, name);
  }
  throw new Error('no chunk starts like the file');
}

let lives: Record<'killed' | 'stopped', Life>;

beforeAll(async () => {
  const killed = await live();
  lives = { killed, stopped: await stopCleanly(await copyOf(killed)) };
});

afterAll(async () => {
  for (const { installation } of Object.values(lives)) await installation.remove();
});

async function live(): Promise<Life> {
  const installation = await makeInstallation(SETTINGS);
  const server = new ServerProcess(installation.environment);
  try {
    const url = await server.url();
    const contents = [testBytes(1_000, 1), testBytes(1_001, 2), testBytes(50_000, 3), testBytes(1_002, 4)];
    const [small, deleted, large, last] = await Promise.all(
      contents.map((content, index) => store(url, { name: `file-${index}`, content })),
    );
    await ask(`${url}/files/${deleted!.file_id}`, { method: 'DELETE' });
    const { entries } = (await ask(`${url}/admin/wal/entries?after=0&limit=100`)).json<{ entries: Entry[] }>();
    const kept = [small!, large!, last!];
    const files = new Map(kept.map((stored, index) => [stored.file_id, contents[[0, 2, 3][index]!]!]));
    return { installation, small: small!, large: large!, deleted: deleted!, files, entries };
  } finally {
    await server.stop('SIGKILL');
  }
}

/** A life of its own for one test, which may damage it. */
async function copyOf(life: Life): Promise<Life> {
  const installation = await makeInstallation(SETTINGS);
  copyDirectory({ from: life.installation.directory, to: installation.directory });
  return { ...life, installation };
}

/** For one test: removed after it. `killed`: the log has it all; `stopped`: what is below the checkpoint stands alone. */
async function lifeAfter(end: keyof typeof lives): Promise<Life> {
  const life = await copyOf(lives[end]);
  onTestFinished(() => life.installation.remove());
  return life;
}

async function stopCleanly(life: Life): Promise<Life> {
  const server = new ServerProcess(life.installation.environment);
  await server.url();
  expect(await server.stop('SIGTERM')).toEqual({ code: 0, signal: null });
  return life;
}

function start({ installation }: Life): ServerProcess {
  const server = new ServerProcess(installation.environment);
  onTestFinished(async () => void (await server.stop('SIGKILL')));
  return server;
}

/** Everything that matters to a next start. */
async function contentsOf({ installation: { directory } }: Life): Promise<Record<string, string>> {
  const names = (await filesBelow(directory)).filter((name) => !PASSING.test(name));
  const contents = names.map(async (name) => [name, sha256(await readFile(join(directory, name)))] as const);
  return Object.fromEntries(await Promise.all(contents));
}

async function flip(file: string, offset: number): Promise<void> {
  const bytes = await readFile(file);
  expect(bytes.length, file).toBeGreaterThan(offset);
  bytes[offset]! ^= 0x5a;
  await writeFile(file, bytes);
}

/** A byte inside the record, well behind the fields that say how long it is. */
const inside = ({ offset_bytes: offset, length_bytes: length }: Entry): number => offset + Math.floor(length / 2);

describe('one damaged byte refuses the start, with 4 or 2, where it stands in', () => {
  interface Refused {
    readonly file: (life: Life) => string;
    readonly offset: (life: Life) => number;
    readonly exitCode: number;
    readonly code: string;
  }
  const inLog = { file: segment, exitCode: 4, code: 'log_corrupt' };

  const REFUSED: readonly [where: string, refused: Refused][] = [
    ['the header of a segment', { ...inLog, offset: () => 40 }],
    ['a record in the middle of the log', { ...inLog, offset: ({ entries }) => inside(entries[1]!) }],
    ['the length of a record', { ...inLog, offset: ({ entries }) => entries[1]!.offset_bytes + 8 }],
    ['the last record that was acknowledged', { ...inLog, offset: ({ entries }) => inside(entries.at(-1)!) }],
    [
      'the end mark of the last record',
      { ...inLog, offset: ({ entries }) => entries.at(-1)!.offset_bytes + entries.at(-1)!.length_bytes - 4 },
    ],
    [
      'the form of holdfast.json',
      {
        file: (life) => path(life, 'primary', 'holdfast.json'),
        offset: () => 0,
        exitCode: 4,
        code: 'store_unreadable',
      },
    ],
    [
      'the first bytes of catalog.db, which say whose file it is',
      { file: (life) => path(life, 'catalog.db'), offset: () => 3, exitCode: 2, code: 'setting_invalid' },
    ],
  ];

  it.each(REFUSED)('%s', async (_where, { file, offset, exitCode, code }) => {
    const life = await lifeAfter('killed');
    const [damaged, at] = [file(life), offset(life)];
    const before = await contentsOf(life);
    await flip(damaged, at);
    const server = start(life);
    expect(await server.exited).toEqual({ code: exitCode, signal: null });
    expect(server.logLines().at(-1)).toMatchObject({ level: 'fatal', code, path: damaged });
    expect(server.stderr).toContain(damaged);
    await flip(damaged, at);
    expect(await contentsOf(life), 'nothing was changed').toEqual(before);
  });

  it('a LOCK, which is empty as long as it is one', async () => {
    const life = await lifeAfter('stopped');
    const lock = path(life, 'wal', 'LOCK');
    await writeFile(lock, 'damaged'.repeat(100));
    const server = start(life);
    expect(await server.exited).toEqual({ code: 2, signal: null });
    expect(server.logLines().at(-1)).toMatchObject({ level: 'fatal', code: 'setting_invalid', path: lock });
    await rm(lock);
    expect(await unreadable(await start(life).url(), life.files)).toEqual([]);
  });
});

describe('one damaged byte, and every file is served, where it stands in', () => {
  interface Harmless {
    readonly end: keyof typeof lives;
    readonly damage: (life: Life) => Promise<void>;
    /** What `/ready` tells of the recovery. */
    readonly recovery?: Readonly<Record<string, unknown>>;
  }

  const HARMLESS: readonly [where: string, harmless: Harmless][] = [
    [
      'the log behind its last record: set aside, for nothing there was ever acknowledged',
      {
        end: 'killed',
        damage: (life) => flip(segment(life), endOfLog(life) + 100),
        recovery: { torn_tail_path: expect.stringContaining('/wal/torn/') },
      },
    ],
    [
      'a manifest that the log still has: written again',
      { end: 'killed', damage: (life) => flip(manifest(life, life.small), 200) },
    ],
    [
      'a tombstone that the log still has: written again',
      { end: 'killed', damage: (life) => flip(tombstone(life), 50) },
    ],
    [
      'a tombstone below the checkpoint: the catalog knows what was deleted',
      { end: 'stopped', damage: (life) => flip(tombstone(life), 50) },
    ],
    [
      'a tombstone below the checkpoint, with the catalog lost: the manifest is gone all the same',
      {
        end: 'stopped',
        damage: async (life) => {
          await flip(tombstone(life), 50);
          await rm(path(life, 'catalog.db'));
        },
        recovery: { catalog_rebuilt: 'missing', damaged_manifests: 1 },
      },
    ],
    [
      'a page of catalog.db: set aside, and built from the manifests',
      {
        end: 'stopped',
        damage: (life) => flip(path(life, 'catalog.db'), 4096 + 3),
        recovery: { catalog_rebuilt: 'corrupt' },
      },
    ],
    [
      "SQLite's own log: what it loses is given again",
      { end: 'killed', damage: (life) => flip(path(life, 'catalog.db-wal'), 5_000) },
    ],
    [
      "SQLite's shared memory: it is made anew",
      { end: 'killed', damage: (life) => flip(path(life, 'catalog.db-shm'), 20) },
    ],
    [
      'the note of who held a lock: it decides nothing',
      { end: 'killed', damage: (life) => flip(path(life, 'wal', 'LOCK.holder.json'), 0) },
    ],
    [
      'a chunk in staging: it was never promised',
      {
        end: 'killed',
        damage: (life) => writeFile(path(life, 'primary', 'staging', 'chunk-1.tmp'), 'damaged'),
        recovery: { staged_files_removed: 1 },
      },
    ],
  ];

  it.each(HARMLESS)('%s', async (_where, { end, damage, recovery = {} }) => {
    const life = await lifeAfter(end);
    await damage(life);
    const url = await start(life).url();
    expect(await unreadable(url, life.files)).toEqual([]);
    expect((await ask(`${url}/read/${life.deleted.file_id}`)).status).toBe(404);
    const { files } = (await ask(`${url}/files`)).json<{ files: StoredFile[] }>();
    expect(files.map(({ file_id: id }) => id).toSorted()).toEqual([...life.files.keys()].toSorted());
    expect((await ask(`${url}/ready`)).json()).toMatchObject({ status: 'ready', last_recovery: recovery });
    await store(url, { name: 'next', content: testBytes(20_000, 9) });
  });
});

describe('one damaged byte, and one file is refused while the others are served, where it stands in', () => {
  const HARMFUL: readonly [where: string, code: string, find: (life: Life) => Promise<[string, StoredFile]>][] = [
    [
      'a manifest below the checkpoint',
      '500 manifest_corrupt',
      async (life) => [manifest(life, life.small), life.small],
    ],
    ['a chunk', '500 chunk_corrupt', async (life) => [await firstChunk(life), life.large]],
  ];

  it.each(HARMFUL)('%s: %s', async (_where, code, find) => {
    const life = await lifeAfter('stopped');
    const [damaged, owner] = await find(life);
    await flip(damaged, 120);
    const url = await start(life).url();
    const answer = await ask(`${url}/read/${owner.file_id}`);
    expect(refusal(answer), describeAnswer(answer)).toBe(code);
    const others = new Map([...life.files].filter(([fileId]) => fileId !== owner.file_id));
    expect(await unreadable(url, others)).toEqual([]);
  });

  it('a chunk, until the same bytes are uploaded again, which heals every file that has them', async () => {
    const life = await lifeAfter('stopped');
    await flip(await firstChunk(life), 120);
    const url = await start(life).url();
    await store(url, { name: 'again', content: life.files.get(life.large.file_id)! });
    expect(await unreadable(url, life.files)).toEqual([]);
  });
});
