// What the build takes for a change. To skip one that was needed would run yesterday's program in silence.
import { cp, mkdir, mkdtemp, readFile, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { beforeEach, expect, it, onTestFinished } from 'vitest';

interface Build {
  readonly fingerprint: (root: string) => string | undefined;
  readonly isBuilt: (root: string) => boolean;
  readonly noteBuilt: (root: string, before: string | undefined) => void;
}

const { fingerprint, isBuilt, noteBuilt } = (await import(join(import.meta.dirname, 'build.mjs'))) as Build;

const SOURCE = 'libs/kernel/src/index.ts';

let root: string;

/** A whole second, so that it can be set again to the nanosecond. */
const UNPACKED = new Date(1_700_000_000_000);

async function write(path: string, text: string): Promise<void> {
  await mkdir(dirname(join(root, path)), { recursive: true });
  await writeFile(join(root, path), text);
}

async function unpack(path: string, text: string): Promise<void> {
  await write(path, text);
  await utimes(join(root, path), UNPACKED, UNPACKED);
}

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'holdfast-build-'));
  for (const path of ['apps/api/src/main.ts', SOURCE, 'scripts/repair.ts', 'package-lock.json', 'tsconfig.json']) {
    await unpack(path, 'before');
  }
  noteBuilt(root, fingerprint(root));
  const made = root;
  onTestFinished(() => rm(made, { recursive: true, force: true }));
});

it('is not built a second time where nothing has changed', () => {
  expect(isBuilt(root)).toBe(true);
});

it.each<[what: string, change: () => Promise<void>]>([
  ['another content of the same length', () => write(SOURCE, 'behind')],
  ['a new file', () => write('libs/kernel/src/new.ts', '')],
  ['a file that went', () => rm(join(root, SOURCE))],
  ['another package', () => write('node_modules/.package-lock.json', '{}')],
  ['other options of the compiler', () => write('tsconfig.build.json', '{}')],
  ['sources that went', () => rm(join(root, 'apps'), { recursive: true })],
  ['a build that went', () => rm(join(root, 'dist'), { recursive: true })],
])('is built again after %s', async (_, change) => {
  await change();
  expect(isBuilt(root)).toBe(false);
});

it('is built again after another content of the same length and time, as an archive unpacks it', async () => {
  await unpack(SOURCE, 'behind');
  expect(isBuilt(root)).toBe(false);
});

it('is built again in a copy that brought its stamp', async () => {
  const copy = `${root}-copy`;
  onTestFinished(() => rm(copy, { recursive: true, force: true }));
  await cp(root, copy, { recursive: true, preserveTimestamps: true });
  expect(await readFile(join(copy, 'dist/.built'), 'utf8')).not.toBe('');
  expect(isBuilt(copy)).toBe(false);
});

it('is built again where a source changed under the compiler', async () => {
  const before = fingerprint(root);
  await write(SOURCE, 'behind');
  noteBuilt(root, before);
  expect(isBuilt(root)).toBe(false);
});
