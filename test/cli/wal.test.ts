// `holdfast wal …` as an operator runs it: a process on the directories of a server that was stopped, killed, or runs.
import { open, readdir, readlink, rename, rm, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it, onTestFinished } from 'vitest';
import { startServer } from '../server/harness.js';
import { makeInstallation } from '../server/installation.js';
import type { Installation } from '../server/installation.js';
import { ServerProcess } from '../server/server-process.js';
import { runCommand, startCommand } from './command.js';
import {
  contentOf,
  digests,
  entriesOf,
  flipRecord,
  loseAppliedFiles,
  overwrite,
  segmentPaths,
  served,
  useStoppedServer,
} from './stopped-server.js';
import type { Entry } from './stopped-server.js';

const VERBS = [['ls'], ['inspect', '1'], ['verify'], ['repair'], ['repair', '--yes']];

const stoppedServer = useStoppedServer('SIGKILL');
const cleanlyStoppedServer = useStoppedServer('SIGTERM');

const isFile =
  (name: string) =>
  (entry: Entry): boolean =>
    entry.file_name === name;

describe('on a running server', () => {
  it('every verb exits with 3, names the process, and changes nothing', async () => {
    const server = await startServer();
    for (const verb of VERBS) {
      const { code, stdout, stderr } = await runCommand(server.installation.environment, 'wal', ...verb);
      expect({ code, stdout }, verb.join(' ')).toEqual({ code: 3, stdout: '' });
      expect(stderr).toContain(`process ${server.process.pid}`);
    }
    const { code, json } = await runCommand(server.installation.environment, 'wal', 'verify', '--json');
    expect(code).toBe(3);
    expect(json()).toMatchObject({ error: { code: 'directory_locked', pid: server.process.pid } });
  });
});

describe('on a sound log', () => {
  it.each([
    ['stopped', cleanlyStoppedServer, []],
    ['killed', stoppedServer, ['--json']],
  ] as const)('of a server that was %s, every verb exits with 0 and changes nothing', async (_how, given, format) => {
    const { installation } = await given();
    const before = await digests(installation);
    for (const verb of VERBS) {
      const { code, stdout, stderr, json } = await runCommand(installation.environment, 'wal', ...verb, ...format);
      expect({ code, stderr }, verb.join(' ')).toEqual({ code: 0, stderr: '' });
      expect(stdout).toMatch(/\n$/);
      expect(format.length > 0 ? json() : {}).toBeTypeOf('object');
    }
    expect(await digests(installation)).toEqual(before);
  });

  it('ls shows each segment, and where the log ends', async () => {
    const { installation } = await stoppedServer();
    const { json } = await runCommand(installation.environment, 'wal', 'ls', '--json');
    const [path] = await segmentPaths(installation);
    expect(json()).toEqual({
      log_id: expect.stringMatching(/^[0-9a-f-]{36}$/),
      cluster_id: expect.stringMatching(/^[0-9a-f-]{36}$/),
      checkpoint_lsn: 0,
      last_lsn: 9,
      end: 'end',
      refusal: null,
      segments: [
        {
          segment_id: '00000000000000000001',
          path,
          first_lsn: 1,
          last_lsn: 9,
          records: 9,
          damages: 0,
          size_bytes: 256 * 1024,
          state: 'active',
        },
      ],
    });
  });

  it('inspect shows every record, and of no file what is in it', async () => {
    const { installation, files } = await stoppedServer();
    const { stdout, json } = await runCommand(installation.environment, 'wal', 'inspect', '1', '--json');
    const { entries } = json<{ entries: Entry[] }>();
    expect(entries.map(({ lsn, type }) => [lsn, type])).toEqual([
      [1, 'file_put'],
      [2, 'file_put'],
      [3, 'file_put'],
      [4, 'upload_begin'],
      [5, 'file_put'],
      [6, 'file_put'],
      [7, 'file_put'],
      [8, 'file_put'],
      [9, 'file_delete'],
    ]);
    expect(entries[2]).toMatchObject({ file_id: files[2]!.file_id, file_name: 'file-2', checksum: { verdict: 'ok' } });
    const text = await runCommand(installation.environment, 'wal', 'inspect', '1');
    const endMark = (await readHeader(installation)).toString('hex', 72, 80);
    for (const shown of [stdout, text.stdout]) {
      expect(shown).not.toContain(contentOf(2).toString('latin1', 0, 20));
      expect(shown).not.toContain(endMark);
    }
  });

  it('inspect takes the number, the name, and a path from where the caller is', async () => {
    const { installation } = await stoppedServer();
    const answers = [];
    for (const segment of [
      '1',
      '00000000000000000001',
      '00000000000000000001.wal',
      'segments/00000000000000000001.wal',
    ]) {
      const environment = { ...installation.environment, INIT_CWD: installation.wal };
      answers.push((await runCommand(environment, 'wal', 'inspect', segment)).stdout);
    }
    expect(new Set(answers).size).toBe(1);
  });

  it('a torn tail is told, and is no failure', async () => {
    const { installation } = await stoppedServer();
    const [path] = await segmentPaths(installation);
    const last = (await entriesOf(installation, path!)).at(-1)!;
    // The last record lost its end, as when a power cut came before its sync; nothing was applied.
    await rm(join(installation.directory, 'catalog.db'));
    await rm(join(installation.directory, 'catalog.db-wal'));
    await loseAppliedFiles(installation);
    await overwrite(path!, last.offset_bytes + last.length_bytes - 8, Buffer.alloc(8));
    await overwrite(path!, last.offset_bytes + last.length_bytes, Buffer.from('half a frame'));
    const verified = await runCommand(installation.environment, 'wal', 'verify');
    expect(verified).toMatchObject({ code: 0, stdout: expect.stringContaining('torn tail') });
    expect((await runCommand(installation.environment, 'wal', 'ls', '--json')).json()).toMatchObject({
      end: 'torn',
      last_lsn: 8,
    });
    const repaired = await runCommand(installation.environment, 'wal', 'repair', '--yes', '--json');
    expect(repaired.code).toBe(0);
    expect(repaired.json()).toEqual({ outcome: 'not_needed', verdict: 'torn' });
  });
});

async function readHeader(installation: Installation): Promise<Buffer> {
  const [path] = await segmentPaths(installation);
  const file = await open(path!);
  const { buffer } = await file.read(Buffer.alloc(128), 0, 128, 0);
  await file.close();
  return buffer;
}

describe('on a log with a byte flipped in the middle, after a power cut', () => {
  it('verify exits with 4 and says where; a start says the same', async () => {
    const { installation } = await stoppedServer();
    const { lsn, offset_bytes } = await flipRecord(installation, isFile('file-2'));
    const { code, json } = await runCommand(installation.environment, 'wal', 'verify', '--json');
    expect(code).toBe(4);
    const verdict = json<{ refusal: Record<string, unknown> }>();
    expect(verdict).toMatchObject({
      verdict: 'refused',
      refusal: { code: 'log_corrupt', lsn, offset_bytes, path: (await segmentPaths(installation))[0] },
      command: 'npm run holdfast -- wal repair',
      applied_lsn: 9,
    });
    expect(verdict.refusal['expected']).not.toBe(verdict.refusal['actual']);
    const server = new ServerProcess(installation.environment);
    expect((await server.exited).code).toBe(4);
    expect(server.stderr).toContain(verdict.refusal['message']);
    expect(server.stderr).toContain('npm run holdfast -- wal repair');
  });

  it('repair says what it would do, and changes nothing', async () => {
    const { installation, files } = await stoppedServer();
    const { lsn } = await flipRecord(installation, isFile('file-2'));
    await loseAppliedFiles(installation);
    const before = await digests(installation);
    const planned = await runCommand(installation.environment, 'wal', 'repair', '--json');
    expect(planned.code).toBe(4);
    expect(planned.json()).toMatchObject({
      outcome: 'planned',
      lost: [{ first_lsn: lsn, last_lsn: lsn, count: 'exact', durable: 'proven' }],
      salvaged: { records: 6, files: 5, deletes: 1 },
      files: [{ fate: 'lost', file_id: files[2]!.file_id, file_name: 'file-2', lsn }],
      untraced_records: 0,
      set_aside_path: null,
      command: 'npm run holdfast -- wal repair --yes',
    });
    const text = await runCommand(installation.environment, 'wal', 'repair');
    expect(text.code).toBe(4);
    for (const said of [files[2]!.file_id, `LSN ${lsn}`, 'set-aside-', 'npm run holdfast -- wal repair --yes']) {
      expect(text.stdout).toContain(said);
    }
    expect(await digests(installation)).toEqual(before);
  });

  it('repair --yes keeps every file before and behind it, and the server starts', async () => {
    const stopped = await stoppedServer();
    const { installation } = stopped;
    await flipRecord(installation, isFile('file-2'));
    await loseAppliedFiles(installation);
    const before = await digests(installation);
    const done = await runCommand(installation.environment, 'wal', 'repair', '--yes', '--json');
    expect(done).toMatchObject({ code: 0, stderr: '' });
    const { outcome, set_aside_path: asidePath } = done.json();
    expect(outcome).toBe('done');
    // The damaged log is where the answer says, byte for byte.
    const segment = '00000000000000000001.wal';
    const aside = join(String(asidePath).slice(installation.directory.length + 1), segment);
    expect((await digests(installation))[aside]).toBe(before[join('wal', 'segments', segment)]);
    const verified = await runCommand(installation.environment, 'wal', 'verify');
    expect(verified).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/no records yet, the first one will be LSN \d+, /),
    });
    expect((await runCommand(installation.environment, 'wal', 'inspect', join(String(asidePath), segment))).code).toBe(
      0,
    );
    const again = await runCommand(installation.environment, 'wal', 'repair', '--yes', '--json');
    expect(again.json()).toEqual({ outcome: 'not_needed', verdict: 'clean' });
    expect(await served(stopped)).toEqual(['same', 404, 404, 'same', 'same', 'same', 'same']);
    expect(await served(stopped)).toEqual(['same', 404, 404, 'same', 'same', 'same', 'same']);
  });

  it('a file whose manifest the primary still has is kept, and told', async () => {
    const stopped = await stoppedServer();
    await flipRecord(stopped.installation, isFile('file-2'));
    const done = await runCommand(stopped.installation.environment, 'wal', 'repair', '--yes');
    expect(done.code).toBe(0);
    expect(done.stdout).toContain(`kept: ${stopped.files[2]!.file_id} "file-2"`);
    expect(await served(stopped)).toEqual(['same', 404, 'same', 'same', 'same', 'same', 'same']);
  });
});

describe('on what a repair cannot help', () => {
  it('the log of another installation exits with 4, and is left alone', async () => {
    const { installation } = await stoppedServer();
    const { installation: stranger } = await cleanlyStoppedServer();
    await rm(installation.wal, { recursive: true });
    await rename(stranger.wal, installation.wal);
    await flipRecord(installation, isFile('file-2'));
    const before = await digests(installation);
    for (const verb of [['repair'], ['repair', '--yes']]) {
      const { code, json } = await runCommand(installation.environment, 'wal', ...verb, '--json');
      expect(code).toBe(4);
      expect(json()).toMatchObject({ error: { code: 'log_mismatch' } });
    }
    expect(await digests(installation)).toEqual(before);
  });

  it('a primary of a later version exits with 4 and says what to start', async () => {
    const { installation } = await stoppedServer();
    await writeFile(join(installation.primary, 'holdfast.json'), '{"format": 2}');
    const { code, stderr } = await runCommand(installation.environment, 'wal', 'repair', '--yes');
    expect(code).toBe(4);
    expect(stderr).toContain('start that version');
    expect((await runCommand(installation.environment, 'wal', 'verify', '--json')).json()).toMatchObject({
      refusal: { code: 'future_format' },
      command: null,
    });
  });
});

describe('a call that cannot be right', () => {
  it.each([
    ['a verb that there is not', {}, ['wal', 'mend']],
    ['no verb', {}, ['wal']],
    ['nothing', {}, []],
    ['a segment that there is not', {}, ['wal', 'inspect', '77']],
    ['no segment', {}, ['wal', 'inspect']],
    ['a word too many', {}, ['wal', 'verify', 'it']],
    ['an option that there is not', {}, ['wal', 'repair', '--force']],
    ['a wrong setting', { WAL_SEGMENT_SIZE: 'big' }, ['wal', 'ls']],
  ])('exits with 2: %s', async (_what, settings, words) => {
    const installation = await makeInstallation(settings);
    onTestFinished(() => installation.remove());
    const { code, stdout, stderr } = await runCommand(installation.environment, ...words);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).not.toBe('');
    // Nothing is made where nothing was.
    expect(await readdir(installation.directory)).toEqual([]);
  });

  it('makes no directory where there is no installation', async () => {
    const installation = await makeInstallation();
    onTestFinished(() => installation.remove());
    for (const verb of [['ls'], ['verify'], ['repair', '--yes']]) {
      expect((await runCommand(installation.environment, 'wal', ...verb)).code).toBe(0);
    }
    expect(await readdir(installation.directory)).toEqual([]);
  });
});

describe('a command that is interrupted', () => {
  it.each(['SIGINT', 'SIGTERM'] as const)('by %s exits with 130', async (signal) => {
    const { installation } = await stoppedServer();
    const [path] = await segmentPaths(installation);
    // Long enough to be read for a while, and all zeros.
    await truncate(path!, 64 * 1024 ** 3);
    const { child, outcome } = startCommand(installation.environment, ['wal', 'inspect', '1']);
    while (!(await hasOpen(child.pid!, path!))) await sleep(10);
    child.kill(signal);
    expect(await outcome).toMatchObject({ code: 130, stdout: '', stderr: 'holdfast: interrupted\n' });
  });
});

async function hasOpen(pid: number, path: string): Promise<boolean> {
  const directory = `/proc/${pid}/fd`;
  const links = await Promise.all(
    (await readdir(directory)).map((name) => readlink(join(directory, name)).catch(() => '')),
  );
  return links.includes(path);
}
