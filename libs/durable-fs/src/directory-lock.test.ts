import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { StoreError } from '#libs/kernel';
import { acquireDirectoryLock } from './directory-lock.js';

const holder = { pid: process.pid, host: 'storage-1', startedAtMs: Date.UTC(2030, 0, 2) };

/** Lets a plain Node.js process import our sources: relative imports end in `.js` where the file is a `.ts`. */
const LOADER = `data:text/javascript,${encodeURIComponent(`
  import { registerHooks } from 'node:module';
  registerHooks({
    resolve: (specifier, context, next) =>
      next(specifier.startsWith('.') ? specifier.replace(/\\.js$/, '.ts') : specifier, context),
  });
`)}`;

let directory: string;
const children: ChildProcess[] = [];

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'holdfast-lock-'));
});

afterEach(() => {
  for (const child of children.splice(0)) child.kill('SIGKILL');
  rmSync(directory, { recursive: true, force: true });
});

/** Starts a process that runs `script` with `acquireDirectoryLock` and `directory` in scope; gives its first output. */
async function runChild(script: string): Promise<{ child: ChildProcess; output: string }> {
  const source = `
    const { acquireDirectoryLock } = await import(${JSON.stringify(join(import.meta.dirname, 'directory-lock.ts'))});
    const directory = ${JSON.stringify(directory)};
    const holder = { pid: process.pid, host: 'storage-2', startedAtMs: 0 };
    ${script}
  `;
  const flags = ['--conditions=source', '--expose-gc', '--import', LOADER, '--input-type=module', '--eval', source];
  const child = spawn(process.execPath, flags, { stdio: ['ignore', 'pipe', 'inherit'] });
  children.push(child);
  const ended = once(child, 'close').then(([code]) => Promise.reject(new Error(`the child ended with ${code}`)));
  const [output] = await Promise.race([once(child.stdout, 'data'), ended]);
  return { child, output: String(output).trim() };
}

const HOLD_FOR_EVER = `
  acquireDirectoryLock(directory, holder);
  console.log('held');
  setInterval(() => {}, 1000);
`;

function refusal(): StoreError {
  try {
    acquireDirectoryLock(directory, holder).release();
  } catch (error) {
    if (StoreError.is(error, 'directory_locked')) return error;
    throw error;
  }
  throw new Error('the lock was given');
}

describe('the directory lock', () => {
  it('refuses another process and names the holder', async () => {
    const lock = acquireDirectoryLock(directory, holder);
    const { output } = await runChild(`
      try { acquireDirectoryLock(directory, holder); console.log('given'); }
      catch (error) { console.log(JSON.stringify({ code: error.code, message: error.message, context: error.context })); }
    `);
    lock.release();

    expect(JSON.parse(output)).toEqual({
      code: 'directory_locked',
      message: `${directory} is in use by process ${process.pid} on storage-1 since 2030-01-02T00:00:00.000Z; stop that process first.`,
      context: { directory, pid: process.pid, host: 'storage-1', started_at: holder.startedAtMs },
    });
  });

  it('refuses a second holder in the same process, and stays held after the refusal', async () => {
    const lock = acquireDirectoryLock(directory, holder);
    expect(refusal().context.pid).toBe(process.pid);
    const { output } = await runChild(`
      try { acquireDirectoryLock(directory, holder); console.log('given'); } catch (error) { console.log(error.code); }
    `);
    expect(output).toBe('directory_locked');
    lock.release();
  });

  it('is free at once after SIGKILL of the holder, whose stale note is ignored and replaced', async () => {
    const { child } = await runChild(HOLD_FOR_EVER);
    expect(refusal().context.pid).toBe(child.pid);
    child.kill('SIGKILL');
    await once(child, 'exit');
    expect(readdirSync(directory)).toContain('LOCK.holder.json');

    const lock = acquireDirectoryLock(directory, holder);
    expect(JSON.parse(readFileSync(join(directory, 'LOCK.holder.json'), 'utf8'))).toMatchObject({ pid: process.pid });
    lock.release();
  });

  it('refuses a LOCK that holds something else, and leaves it alone', () => {
    const path = join(directory, 'LOCK');
    writeFileSync(path, 'not a lock, and longer than the header of a database'.repeat(10));
    const before = readFileSync(path);
    const refused = expect.objectContaining({ code: 'setting_invalid', context: { path } }) as unknown;
    expect(() => acquireDirectoryLock(directory, holder)).toThrow(refused);
    expect(readFileSync(path)).toEqual(before);
  });

  it('is held even if the holder drops its lock object and collects garbage', async () => {
    await runChild(`
      acquireDirectoryLock(directory, holder);
      for (let round = 0; round < 10; round += 1) {
        await new Promise(setImmediate);
        globalThis.gc();
      }
      console.log('collected');
      setInterval(() => {}, 1000);
    `);
    expect(refusal().context.host).toBe('storage-2');
  });

  it('leaves no journal while held, and only the empty LOCK once released', () => {
    const lock = acquireDirectoryLock(directory, holder);
    expect(readdirSync(directory).sort()).toEqual(['LOCK', 'LOCK.holder.json']);
    lock.release();
    lock.release();
    expect(readdirSync(directory)).toEqual(['LOCK']);
    expect(readFileSync(join(directory, 'LOCK')).length).toBe(0);
  });

  it.each([
    ['missing', undefined],
    ['torn', '{"pid": 1'],
    ['of another shape', '{"pid": "1"}'],
    ['no object', 'null'],
  ])('refuses without naming anyone where the note is %s', (_case, note) => {
    const lock = acquireDirectoryLock(directory, holder);
    const notePath = join(directory, 'LOCK.holder.json');
    if (note === undefined) rmSync(notePath);
    else writeFileSync(notePath, note);
    expect(refusal().context).toEqual({ directory });
    lock.release();
  });

  it('names a holder whose start time is out of range', () => {
    const lock = acquireDirectoryLock(directory, { ...holder, startedAtMs: 1e300 });
    expect(refusal().message).toContain('since an unknown time');
    lock.release();
  });
});
