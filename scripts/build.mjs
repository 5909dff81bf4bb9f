// Builds `dist/`, unless nothing has changed since the last build: every command of `package.json` builds first, and the
// compiler takes seconds to find that out. Names, sizes and times of all that it reads are compared for equality, never
// for age, so that an older source that comes back is built as well. They are taken before the compiler runs, so that what
// changes under it is built by the next command. The stamp lies in `dist/` and goes with it. Plain JavaScript, and the
// runtime is checked first, because this runs before anything is compiled.
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, renameSync, statSync, writeFileSync } from 'node:fs';
import { delimiter, join, resolve } from 'node:path';
import { refusal } from './check-runtime.mjs';

/** Folders with more than the build needs, too: to build once too often costs seconds. */
const SOURCES = ['apps', 'libs', 'scripts'];

/** npm writes the last one whenever it installs anything. */
const FILES = [
  'package.json',
  'package-lock.json',
  'tsconfig.json',
  'tsconfig.build.json',
  'node_modules/.package-lock.json',
];

const STAMP = 'dist/.built';

/** Equal for two states of the tree only where the compiler would read the same; undefined where there is no telling. */
export function fingerprint(root) {
  const hash = createHash('sha256');
  try {
    for (const path of [...FILES, ...SOURCES.flatMap((folder) => filesBelow(root, folder))]) {
      const stats = statSync(join(root, path), { bigint: true, throwIfNoEntry: false });
      // The time of the last change to the inode is one that no tool can set back.
      const state = stats === undefined ? 'none' : `${stats.size} ${stats.mtimeNs} ${stats.ctimeNs} ${stats.ino}`;
      hash.update(`${path}\0${state}\0`);
    }
  } catch {
    return undefined;
  }
  return hash.digest('hex');
}

export function isBuilt(root) {
  const current = fingerprint(root);
  try {
    return current !== undefined && readFileSync(join(root, STAMP), 'utf8') === current;
  } catch {
    return false;
  }
}

/** `before`: the fingerprint of what the compiler was given. */
export function noteBuilt(root, before) {
  if (before === undefined) return;
  mkdirSync(join(root, 'dist'), { recursive: true });
  const path = join(root, `${STAMP}.${process.pid}`);
  writeFileSync(path, before);
  renameSync(path, join(root, STAMP));
}

function filesBelow(root, folder) {
  return readdirSync(join(root, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => !entry.isDirectory())
    .map((entry) => join(entry.parentPath, entry.name).slice(root.length + 1))
    .sort();
}

/** Resolves to the exit code. */
function compile(root) {
  const PATH = [join(root, 'node_modules/.bin'), process.env.PATH].join(delimiter);
  const child = spawn('tsc', ['-p', 'tsconfig.build.json'], {
    cwd: root,
    env: { ...process.env, PATH },
    stdio: ['ignore', 'inherit', 'inherit'],
  });
  // Nothing may be left running when this is told to stop.
  for (const signal of ['SIGTERM', 'SIGINT']) process.on(signal, () => child.kill(signal));
  return new Promise((done) => {
    child.on('error', (error) => {
      console.error(`tsc: ${error.message}`);
      done(1);
    });
    child.on('close', (code) => done(code ?? 1));
  });
}

async function build(root) {
  if (isBuilt(root)) return 0;
  const before = fingerprint(root);
  const exitCode = await compile(root);
  if (exitCode === 0) noteBuilt(root, before);
  return exitCode;
}

if (process.argv[1] !== undefined && process.argv[1].endsWith('build.mjs')) {
  const message = refusal(process.version, process.platform, process.arch);
  if (message === undefined) {
    process.exitCode = await build(resolve(import.meta.dirname, '..'));
  } else {
    console.error(message);
    process.exitCode = 1;
  }
}
