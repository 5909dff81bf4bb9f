// The floor plan, as rules. Imports go strictly down the floors, siblings on one floor do not import each other, and a
// library is entered by its barrel alone. The table below is the plan; every rule is made from it, so that a new library
// has to be given its floor before anything may import it. `scripts/floor-plan.test.ts` shows that each rule can fail.

const FLOORS = [
  ['L6', ['apps/api', 'apps/worker', 'apps/cli', 'apps/web', 'scripts', 'test']],
  ['L5', ['libs/file-store', 'libs/recovery', 'libs/maintenance']],
  ['L4', ['libs/apply', 'libs/replication']],
  ['L3', ['libs/catalog', 'libs/transfer']],
  ['L2', ['libs/wal', 'libs/stores', 'libs/job-queue', 'libs/process']],
  ['L1', ['libs/durable-fs', 'libs/telemetry', 'libs/config', 'libs/client', 'libs/terminal']],
  ['L0', ['libs/kernel']],
];

const TESTS = ['\\.test\\.ts$', '^libs/[^/]+/testing/', '^test/'];

/** Which packages may be imported where; `homes` are patterns of importing files. */
const PACKAGES = [
  { name: 'nest-and-fastify', packages: ['@nestjs/[^/]+', 'fastify', '@fastify/[^/]+'], homes: ['^apps/'] },
  { name: 'bullmq', packages: ['bullmq'], homes: ['^libs/job-queue/'] },
  { name: 's3', packages: ['@aws-sdk/[^/]+', '@smithy/[^/]+'], homes: ['^libs/stores/'] },
  { name: 'typeorm', packages: ['typeorm'], homes: ['^libs/catalog/'] },
  { name: 'sqlite', packages: ['better-sqlite3'], homes: ['^libs/catalog/', '^libs/durable-fs/'] },
  { name: 'opentelemetry-api', packages: ['@opentelemetry/api'], homes: ['^libs/telemetry/', '^apps/', ...TESTS] },
  { name: 'opentelemetry-sdk', packages: ['@opentelemetry/(?!api(/|$))[^/]+'], homes: ['^apps/', ...TESTS] },
];

const anyOf = (units) => `^(${units.join('|')})/`;
const everyUnit = FLOORS.flatMap(([, units]) => units);

function floorRules([floor, units], index) {
  const above = FLOORS.slice(0, index).flatMap(([, higher]) => higher);
  const upward = {
    name: `${floor}-no-upward-import`,
    comment: `${units.join(', ')} stand on ${floor} and import only from the floors below.`,
    severity: 'error',
    from: { path: anyOf(units) },
    to: { path: anyOf(above) },
  };
  const sibling = {
    name: `${floor}-no-sibling-import`,
    comment: `${units.join(', ')} share ${floor} and do not import each other: what they share belongs on a floor below.`,
    severity: 'error',
    from: { path: anyOf(units) },
    to: { path: anyOf(units), pathNot: '^$1/' },
  };
  return [...(above.length > 0 ? [upward] : []), ...(units.length > 1 ? [sibling] : [])];
}

function packageRule({ name, packages, homes }) {
  return {
    name: `${name}-at-home`,
    comment: `${packages.join(', ')}: only files matching ${homes.join(' or ')} may import it.`,
    severity: 'error',
    from: { pathNot: homes },
    to: { path: `(^|/node_modules/|^node_modules/)(@types/)?(${packages.join('|')})(/|$)` },
  };
}

/** @type {import('dependency-cruiser').IConfiguration} */
export default {
  forbidden: [
    ...FLOORS.flatMap(floorRules),
    ...PACKAGES.map(packageRule),
    {
      name: 'on-the-floor-plan',
      comment: 'A library or an app that the table of floors does not know has no rules: give it a floor.',
      severity: 'error',
      from: {},
      to: { path: '^(libs|apps)/', pathNot: anyOf(everyUnit) },
    },
    {
      name: 'from-the-floor-plan',
      comment: 'A library or an app that the table of floors does not know has no rules: give it a floor.',
      severity: 'error',
      from: { path: '^(libs|apps)/', pathNot: anyOf(everyUnit) },
      to: {},
    },
    {
      name: 'through-the-barrel',
      comment: 'Another library is entered through src/index.ts (its fakes through testing/src/index.ts).',
      severity: 'error',
      from: { path: '^((?:libs|apps)/[^/]+|scripts|test)/' },
      to: { path: '^libs/', pathNot: ['^libs/[^/]+/(testing/)?src/index\\.ts$', '^$1/'] },
    },
    {
      name: 'no-fakes-in-production',
      comment: 'testing/ is for tests: it is not part of the build.',
      severity: 'error',
      from: { pathNot: TESTS },
      to: { path: '^libs/[^/]+/testing/' },
    },
    {
      name: 'no-import-of-tests',
      comment: 'What two tests share belongs in testing/.',
      severity: 'error',
      from: {},
      to: { path: '\\.test\\.ts$' },
    },
    {
      name: 'no-dev-dependency-in-production',
      comment: '`npm start` builds and runs after `npm ci --omit=dev`: what it needs stands in dependencies.',
      severity: 'error',
      from: { path: '^(libs|apps)/', pathNot: TESTS },
      to: { dependencyTypes: ['npm-dev'] },
    },
    {
      name: 'no-import-from-dist',
      comment: 'Sources import sources; dist/ is what they become.',
      severity: 'error',
      from: {},
      to: { path: '^dist/' },
    },
    {
      name: 'no-cycle',
      comment: 'No cycles, type imports included.',
      severity: 'error',
      from: {},
      to: { circular: true },
    },
    {
      name: 'resolvable',
      comment: 'An import that cannot be resolved slips through every other rule.',
      severity: 'error',
      from: {},
      to: { couldNotResolve: true },
    },
  ],
  options: {
    doNotFollow: { path: ['(^|/)node_modules/', '^dist/'] },
    // Type imports are dependencies too, and they are gone after compilation.
    tsPreCompilationDeps: true,
    enhancedResolveOptions: {
      conditionNames: ['source', 'import', 'node', 'types', 'default'],
      exportsFields: ['exports'],
    },
  },
};
