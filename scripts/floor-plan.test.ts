// Shows that each rule of the floor plan can fail: one fixture tree holds every forbidden import once, next to imports
// that are allowed, and the rule set must report exactly the forbidden ones.
import { execFile } from 'node:child_process';
import { cp, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const ROOT = resolve(import.meta.dirname, '..');

/** What is wrong, the importing file, the whole statement (so that type imports are written as in earnest), the rules it breaks. */
type Forbidden = [fault: string, from: string, statement: string, ...rules: string[]];

const FORBIDDEN: Forbidden[] = [
  ['L0 imports L1', 'libs/kernel/src/up.ts', `import '#libs/config';`, 'L0-no-upward-import'],
  ['L1 imports L2', 'libs/config/src/up.ts', `import '#libs/wal';`, 'L1-no-upward-import'],
  ['L2 imports L3', 'libs/wal/src/up.ts', `import '#libs/catalog';`, 'L2-no-upward-import'],
  ['L3 imports L4', 'libs/catalog/src/up.ts', `import '#libs/apply';`, 'L3-no-upward-import'],
  ['L4 imports L5', 'libs/apply/src/up.ts', `import '#libs/recovery';`, 'L4-no-upward-import'],
  ['L5 imports L6', 'libs/recovery/src/up.ts', `import '../../../apps/api/src/main.js';`, 'L5-no-upward-import'],
  [
    'L0 imports L5 by a type',
    'libs/kernel/src/up-by-type.ts',
    `import type { A } from '#libs/recovery'; export type B = A;`,
    'L0-no-upward-import',
  ],
  [
    'L1 imports L2 dynamically',
    'libs/config/src/up-later.ts',
    `export const later = () => import('#libs/wal');`,
    'L1-no-upward-import',
  ],
  ['a test imports upwards', 'libs/config/src/up.test.ts', `import '#libs/wal';`, 'L1-no-upward-import'],
  ['siblings on L6', 'apps/worker/src/aside.ts', `import '../../api/src/main.js';`, 'L6-no-sibling-import'],
  ['siblings on L5', 'libs/file-store/src/aside.ts', `import '#libs/recovery';`, 'L5-no-sibling-import'],
  ['siblings on L4', 'libs/replication/src/aside.ts', `import '#libs/apply';`, 'L4-no-sibling-import'],
  ['siblings on L3', 'libs/transfer/src/aside.ts', `import '#libs/catalog';`, 'L3-no-sibling-import'],
  [
    'siblings on L2',
    'libs/stores/src/aside.ts',
    `import type { A } from '#libs/wal'; export type B = A;`,
    'L2-no-sibling-import',
  ],
  ['siblings on L1', 'libs/durable-fs/src/aside.ts', `import '#libs/config';`, 'L1-no-sibling-import'],
  [
    'past the barrel from a library',
    'libs/wal/src/deep.ts',
    `import '../../kernel/src/inner.js';`,
    'through-the-barrel',
  ],
  [
    'past the barrel from an app',
    'apps/api/src/deep.ts',
    `import '../../../libs/kernel/src/inner.js';`,
    'through-the-barrel',
  ],
  [
    'past the barrel of the fakes',
    'libs/wal/src/deep.test.ts',
    `import '../../kernel/testing/src/fake.js';`,
    'through-the-barrel',
  ],
  ['production imports fakes', 'libs/wal/src/fakes.ts', `import '#libs/kernel/testing';`, 'no-fakes-in-production'],
  [
    'production imports its own fakes',
    'libs/kernel/src/own-fakes.ts',
    `import '../testing/src/fake.js';`,
    'no-fakes-in-production',
  ],
  ['an import of a test', 'libs/kernel/src/reuse.test.ts', `import './sound.test.js';`, 'no-import-of-tests'],
  [
    'a cycle through a type import',
    'libs/kernel/src/cycle-a.ts',
    `import type { B } from './cycle-b.js'; export type A = B;`,
    'no-cycle',
  ],
  ['Nest in a library', 'libs/wal/src/nest.ts', `import '@nestjs/common';`, 'nest-and-fastify-at-home'],
  [
    'Fastify in a library, by a type',
    'libs/wal/src/fastify.ts',
    `import type { A } from 'fastify'; export type B = A;`,
    'nest-and-fastify-at-home',
  ],
  ['BullMQ outside the job queue', 'apps/worker/src/queue.ts', `import 'bullmq';`, 'bullmq-at-home'],
  ['the S3 client outside the stores', 'libs/transfer/src/s3.ts', `import '@aws-sdk/client-s3';`, 's3-at-home'],
  ['TypeORM outside the catalog', 'libs/recovery/src/orm.ts', `import 'typeorm/driver';`, 'typeorm-at-home'],
  ['SQLite outside the catalog and durable-fs', 'libs/wal/src/sqlite.ts', `import 'better-sqlite3';`, 'sqlite-at-home'],
  ['tracing past libs/telemetry', 'libs/wal/src/spans.ts', `import '@opentelemetry/api';`, 'opentelemetry-api-at-home'],
  [
    'an SDK in a core',
    'libs/telemetry/src/sdk.ts',
    `import '@opentelemetry/sdk-trace';`,
    'opentelemetry-sdk-at-home',
    'no-dev-dependency-in-production',
  ],
  ['a test tool in production', 'libs/kernel/src/tool.ts', `import 'vitest';`, 'no-dev-dependency-in-production'],
  ['a library without a floor is imported', 'apps/api/src/stray.ts', `import '#libs/stray';`, 'on-the-floor-plan'],
  ['a library without a floor imports', 'libs/stray/src/out.ts', `import '#libs/kernel';`, 'from-the-floor-plan'],
  [
    'an import of build output',
    'scripts/built.ts',
    `import '../dist/libs/kernel/src/index.js';`,
    'no-import-from-dist',
  ],
  ['an import that leads nowhere', 'libs/wal/src/nowhere.ts', `import '#libs/nowhere';`, 'resolvable'],
];

const ALLOWED: Array<[from: string, statement: string]> = [
  ['libs/kernel/src/sound.ts', `import './inner.js'; import 'node:fs';`],
  ['libs/kernel/src/sound.test.ts', `import './inner.js'; import '../testing/src/fake.js'; import 'vitest';`],
  ['libs/kernel/testing/src/double.ts', `import '../../src/inner.js';`],
  ['libs/config/src/sound.ts', `import '#libs/kernel';`],
  ['libs/telemetry/src/sound.ts', `import '@opentelemetry/api';`],
  ['libs/telemetry/src/sound.test.ts', `import '@opentelemetry/sdk-trace';`],
  ['libs/durable-fs/src/sound.ts', `import 'better-sqlite3';`],
  ['libs/wal/src/sound.test.ts', `import '#libs/kernel/testing'; import '#libs/config';`],
  ['libs/wal/testing/src/double.ts', `import '#libs/kernel/testing'; import '../../src/index.js';`],
  ['libs/job-queue/src/sound.ts', `import 'bullmq';`],
  ['libs/stores/src/sound.ts', `import '@aws-sdk/client-s3';`],
  ['libs/catalog/src/sound.ts', `import 'typeorm'; import 'better-sqlite3';`],
  [
    'apps/api/src/sound.ts',
    `import '@nestjs/common'; import 'fastify'; import '#libs/recovery'; import '#libs/kernel';`,
  ],
  ['apps/api/src/sdk.ts', `import '@opentelemetry/api';`],
  ['test/sound.test.ts', `import '#libs/kernel/testing'; import '#libs/wal'; import '@opentelemetry/sdk-trace';`],
];

const BARRELS = ['kernel', 'config', 'wal', 'catalog', 'apply', 'recovery', 'stray'];
const PACKAGES = [
  '@nestjs/common',
  'fastify',
  'bullmq',
  '@aws-sdk/client-s3',
  'typeorm',
  'better-sqlite3',
  '@opentelemetry/api',
];
const DEV_PACKAGES = ['vitest', '@opentelemetry/sdk-trace'];

let tree: string;
/** `from` → the rules that were broken there. */
let broken: Map<string, string[]>;

async function write(path: string, text: string): Promise<void> {
  const target = join(tree, path);
  await mkdir(dirname(target), { recursive: true });
  await writeFile(target, text);
}

async function writePackages(): Promise<void> {
  const versions = (names: string[]): Record<string, string> =>
    Object.fromEntries(names.map((name) => [name, '1.0.0']));
  const imports = { '#libs/*': { source: './libs/*/src/index.ts', default: './dist/libs/*/src/index.js' } };
  const manifest = {
    type: 'module',
    imports,
    dependencies: versions(PACKAGES),
    devDependencies: versions(DEV_PACKAGES),
  };
  await write('package.json', JSON.stringify(manifest));
  for (const name of [...PACKAGES, ...DEV_PACKAGES]) {
    await write(`node_modules/${name}/package.json`, JSON.stringify({ name, version: '1.0.0', main: 'index.js' }));
    await write(`node_modules/${name}/index.js`, '');
    await write(`node_modules/${name}/driver.js`, '');
  }
}

async function writeSources(): Promise<void> {
  for (const name of BARRELS) await write(`libs/${name}/src/index.ts`, `export type A = 1;`);
  await write('libs/kernel/src/inner.ts', '');
  await write('libs/kernel/src/cycle-b.ts', `import type { A } from './cycle-a.js'; export type B = A;`);
  await write('libs/kernel/testing/src/fake.ts', '');
  await write('libs/kernel/testing/src/index.ts', '');
  await write('apps/api/src/main.ts', '');
  await write('dist/libs/kernel/src/index.js', '');
  for (const [, from, statement] of FORBIDDEN) await write(from, statement);
  for (const [from, statement] of ALLOWED) await write(from, statement);
}

interface Report {
  summary: { violations: Array<{ from: string; rule: { name: string } }>; totalCruised: number };
}

function cruise(): Promise<Report> {
  const program = join(ROOT, 'node_modules/dependency-cruiser/bin/dependency-cruise.mjs');
  const args = [
    program,
    '--config',
    '.dependency-cruiser.mjs',
    '--output-type',
    'json',
    'libs',
    'apps',
    'scripts',
    'test',
  ];
  return new Promise((done, fail) => {
    execFile(process.execPath, args, { cwd: tree, maxBuffer: 64 * 1024 * 1024 }, (_error, stdout, stderr) => {
      if (stdout === '') fail(new Error(`dependency-cruiser printed no report: ${stderr}`));
      else done(JSON.parse(stdout) as Report);
    });
  });
}

beforeAll(async () => {
  tree = await mkdtemp(join(tmpdir(), 'floor-plan-'));
  await cp(join(ROOT, '.dependency-cruiser.mjs'), join(tree, '.dependency-cruiser.mjs'));
  await writePackages();
  await writeSources();
  broken = new Map();
  for (const { from, rule } of (await cruise()).summary.violations) {
    broken.set(from, [...(broken.get(from) ?? []), rule.name]);
  }
}, 60_000);

afterAll(async () => {
  await rm(tree, { recursive: true, force: true });
});

describe('the floor plan reports', () => {
  it.each(FORBIDDEN)('%s', (_fault, from, _statement, ...rules) => {
    expect(broken.get(from)?.toSorted()).toEqual(rules.toSorted());
  });
});

describe('the floor plan allows', () => {
  it.each(ALLOWED)('%s: %s', (from) => {
    expect(broken.get(from)).toBeUndefined();
  });
});

describe('the cases', () => {
  it('break every rule there is', async () => {
    const config = (await import(join(ROOT, '.dependency-cruiser.mjs'))) as {
      default: { forbidden: Array<{ name: string }> };
    };
    const names = config.default.forbidden.map((rule) => rule.name);
    const shown = new Set([...broken.values()].flat());
    expect(names.filter((name) => !shown.has(name))).toEqual([]);
  });

  it('break no rule in a file that holds no case', () => {
    const known = new Set(FORBIDDEN.map(([, from]) => from));
    expect([...broken.keys()].filter((from) => !known.has(from))).toEqual([]);
  });
});
