/**
 * Measures how a directory of manifests should be laid out: `node scripts/measure-manifests.ts [count] [directory]`.
 * For each layout it creates that many small files as a store does (temporary, rename, names in time order), flushes
 * them, lists them in order, and stats and reads random ones; then it removes them and goes on with the next layout.
 *
 *   count       files per layout, 1,000,000 by default, at most 4,000,000
 *   directory   where to make the working directory; the system's temporary folder by default
 *   --staging   make the temporary files in one directory of their own instead of beside their final names
 *   --layout=…  only this one of flat, one-level, two-levels; may be repeated
 *   --before-reading=COMMAND  a shell command before the random reads and again before the listing; where the
 *               directory is a mount of its own, to unmount it and mount it again makes the reads cold and leaves the
 *               machine's other caches alone
 *   --json      JSON instead of the table
 *
 * It needs about 4.5 KiB of disk per file at a time. The figures are of one machine and one moment: compare columns.
 */

import { execFileSync } from 'node:child_process';
import { randomBytes, randomFillSync, randomInt } from 'node:crypto';
import {
  closeSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statfsSync,
  writeSync,
} from 'node:fs';
import { loadavg, tmpdir } from 'node:os';
import path from 'node:path';
import { performance } from 'node:perf_hooks';
import { setImmediate } from 'node:timers/promises';
import { parseArgs } from 'node:util';

const DEFAULT_COUNT = 1_000_000;
const MAX_COUNT = 4_000_000;
/** A typical manifest: an envelope of JSON and a few chunk entries. */
const MANIFEST_BYTES = 600;
const SAMPLE_COUNT = 20_000;
/** The time between two names: a million files are a quarter of an hour of uploads. */
const NAMES_PER_MS = 1;
/** After so many files the event loop gets a turn, so that Ctrl-C is heard. */
const BATCH_COUNT = 1000;
const BYTES_PER_FILE = 4096 + 512;

interface Layout {
  readonly name: string;
  /** The shard directories below the working directory, in sorted order. */
  readonly shards: readonly string[];
  readonly shardOf: (fileId: string) => string;
}

const HEX_PAIRS = Array.from({ length: 256 }, (_, value) => value.toString(16).padStart(2, '0'));

const LAYOUTS: readonly Layout[] = [
  { name: 'flat', shards: [''], shardOf: () => '' },
  { name: 'one-level', shards: HEX_PAIRS, shardOf: (fileId) => fileId.slice(-2) },
  {
    name: 'two-levels',
    shards: HEX_PAIRS.flatMap((outer) => HEX_PAIRS.map((inner) => `${outer}/${inner}`)),
    shardOf: (fileId) => `${fileId.slice(-2)}/${fileId.slice(-4, -2)}`,
  },
];

/** One row per figure, in the order of the table. */
const FIGURES = {
  directories_s: 'make the directories, s',
  create_s: 'create all, s',
  create_first_tenth_us: '  the first tenth, µs a file',
  create_last_tenth_us: '  the last tenth, µs a file',
  sync_s: 'syncfs at the end, s',
  list_s: 'list all in order, s',
  list_longest_ms: '  longest pause, ms',
  read_all_s: 'read all in that order, s',
  stat_median_us: 'stat a random one, median µs',
  stat_p99_us: '  99th percentile, µs',
  read_median_us: 'read a random one, median µs',
  read_p99_us: '  99th percentile, µs',
  remove_s: 'remove all, s',
  file_mib: 'disk taken by files, MiB',
  directory_mib: 'disk taken by directories, MiB',
  inodes: 'inodes',
  names_per_directory: 'names in the largest directory',
  load_average: 'load average while measuring',
} as const;

type Figures = Record<keyof typeof FIGURES, number>;

interface Plan {
  readonly root: string;
  readonly temporaryAt: 'beside' | 'staging';
  readonly beforeReading: string | undefined;
}

/** UUIDv7 (RFC 9562): 48 bits of milliseconds, then 74 random bits around the version and the variant. */
function fileIds(count: number): string[] {
  const startMs = Date.UTC(2030, 0, 1);
  const random = Buffer.alloc(10);
  return Array.from({ length: count }, (_, index) => {
    randomFillSync(random);
    const time = (startMs + Math.floor(index / NAMES_PER_MS)).toString(16).padStart(12, '0');
    const rest = random.toString('hex');
    const variant = ((random[2] ?? 0) & 0x3f) | 0x80;
    const tail = `${variant.toString(16)}${rest.slice(6, 8)}-${rest.slice(8)}`;
    return `${time.slice(0, 8)}-${time.slice(8)}-7${rest.slice(0, 3)}-${tail}`;
  });
}

const seconds = (startMs: number): number => (performance.now() - startMs) / 1000;

function makeDirectories(layout: Layout, root: string): number {
  const startMs = performance.now();
  for (const shard of layout.shards) mkdirSync(path.join(root, shard), { recursive: true });
  mkdirSync(path.join(root, 'staging'));
  return seconds(startMs);
}

/** Gives the milliseconds of each batch. */
async function createFiles(layout: Layout, names: readonly string[], plan: Plan): Promise<number[]> {
  const bytes = randomBytes(MANIFEST_BYTES);
  const batchesMs: number[] = [];
  for (let first = 0; first < names.length; first += BATCH_COUNT) {
    const startMs = performance.now();
    for (const name of names.slice(first, first + BATCH_COUNT)) {
      const target = `${plan.root}/${layout.shardOf(name)}/${name}`;
      const temporary = plan.temporaryAt === 'beside' ? `${target}.tmp` : `${plan.root}/staging/${name}`;
      const descriptor = openSync(temporary, 'w');
      writeSync(descriptor, bytes);
      closeSync(descriptor);
      renameSync(temporary, target);
    }
    batchesMs.push(performance.now() - startMs);
    await setImmediate();
  }
  return batchesMs;
}

/** As a store lists: a shard is read and sorted whole, and nothing else can run meanwhile. */
async function listAll(
  layout: Layout,
  root: string,
  expectedCount: number,
): Promise<{ pausesMs: number[]; shards: string[][] }> {
  const pausesMs: number[] = [];
  const shards: string[][] = [];
  for (const shard of layout.shards) {
    const startMs = performance.now();
    const names = readdirSync(path.join(root, shard))
      .filter((name) => name !== 'staging')
      .sort();
    pausesMs.push(performance.now() - startMs);
    shards.push(names);
    await setImmediate();
  }
  const count = sum(shards.map((names) => names.length));
  if (count !== expectedCount) throw new Error(`${layout.name} lists ${count} files of ${expectedCount}`);
  return { pausesMs, shards };
}

/** As a rebuild reads: every manifest, in the order of the listing. Gives seconds. */
async function readAll(layout: Layout, root: string, shards: readonly (readonly string[])[]): Promise<number> {
  const startMs = performance.now();
  for (const [index, names] of shards.entries()) {
    const directory = path.join(root, layout.shards[index] ?? '');
    for (const [position, name] of names.entries()) {
      readFileSync(`${directory}/${name}`);
      if (position % BATCH_COUNT === 0) await setImmediate();
    }
  }
  return seconds(startMs);
}

/** Microseconds of `visit` for each of many random names, in ascending order. */
async function sample(names: readonly string[], visit: (name: string) => void): Promise<number[]> {
  const timesUs: number[] = [];
  for (let index = 0; index < SAMPLE_COUNT; index += 1) {
    const name = names[randomInt(names.length)] ?? '';
    const startMs = performance.now();
    visit(name);
    timesUs.push((performance.now() - startMs) * 1000);
    if (index % BATCH_COUNT === 0) await setImmediate();
  }
  return timesUs.sort((one, other) => one - other);
}

const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);
const quantile = (ascending: readonly number[], share: number): number =>
  ascending[Math.floor((ascending.length - 1) * share)] ?? 0;
const microsecondsPerFile = (batchesMs: readonly number[]): number =>
  (sum(batchesMs) / batchesMs.length / BATCH_COUNT) * 1000;

/** From the blocks that each directory and one file take: free space of the whole disk would count others' work too. */
function diskUsage(layout: Layout, root: string, names: readonly string[]) {
  const directories = new Set(layout.shards.flatMap((shard) => [shard, shard.split('/')[0] ?? '']));
  const blocksBytes = (relative: string): number => (lstatSync(path.join(root, relative)).blocks ?? 0) * 512;
  const [anyName = ''] = names;
  return {
    file_mib: (names.length * blocksBytes(`${layout.shardOf(anyName)}/${anyName}`)) / 2 ** 20,
    directory_mib: sum([...directories].map(blocksBytes)) / 2 ** 20,
    inodes: names.length + directories.size,
  };
}

async function measureLayout(layout: Layout, names: readonly string[], plan: Plan): Promise<Figures> {
  const { root } = plan;
  const directories_s = makeDirectories(layout, root);
  const batchesMs = await createFiles(layout, names, plan);
  const tenth = Math.max(1, Math.floor(batchesMs.length / 10));
  const syncStartMs = performance.now();
  execFileSync('sync', ['-f', root]);
  const sync_s = seconds(syncStartMs);
  const prepareReading = () => {
    if (plan.beforeReading !== undefined) execFileSync('sh', ['-c', plan.beforeReading]);
  };
  const pathOf = (name: string) => `${root}/${layout.shardOf(name)}/${name}`;
  prepareReading();
  const statsUs = await sample(names, (name) => lstatSync(pathOf(name)));
  const readsUs = await sample(names, (name) => readFileSync(pathOf(name)));
  prepareReading();
  const listing = await listAll(layout, root, names.length);
  const read_all_s = await readAll(layout, root, listing.shards);
  const usage = diskUsage(layout, root, names);
  const load_average = loadavg()[0] ?? 0;
  const removeStartMs = performance.now();
  rmSync(root, { recursive: true });
  return {
    directories_s,
    create_s: sum(batchesMs) / 1000,
    create_first_tenth_us: microsecondsPerFile(batchesMs.slice(0, tenth)),
    create_last_tenth_us: microsecondsPerFile(batchesMs.slice(-tenth)),
    sync_s,
    list_s: sum(listing.pausesMs) / 1000,
    list_longest_ms: Math.max(...listing.pausesMs),
    read_all_s,
    stat_median_us: quantile(statsUs, 0.5),
    stat_p99_us: quantile(statsUs, 0.99),
    read_median_us: quantile(readsUs, 0.5),
    read_p99_us: quantile(readsUs, 0.99),
    remove_s: seconds(removeStartMs),
    ...usage,
    names_per_directory: Math.max(...listing.shards.map((shard) => shard.length)),
    load_average,
  };
}

/** How 256 shards by two hex digits would fill: by the first two, which are time, and by the last two. */
function shardSkew(names: readonly string[]) {
  const fill = (digitsOf: (name: string) => string) => {
    const counts = new Map<string, number>();
    for (const name of names) counts.set(digitsOf(name), (counts.get(digitsOf(name)) ?? 0) + 1);
    const largest = Math.max(...counts.values());
    return { shards_used: counts.size, largest_shard: largest, largest_to_even: (largest * 256) / names.length };
  };
  return { first_two_digits: fill((name) => name.slice(0, 2)), last_two_digits: fill((name) => name.slice(-2)) };
}

function refuseIfTooSmall(directory: string, count: number): void {
  const disk = statfsSync(directory);
  const neededBytes = count * BYTES_PER_FILE;
  if (disk.bavail * disk.bsize < 2 * neededBytes || (disk.files > 0 && disk.ffree < 2 * count))
    throw new Error(`${directory} has no room for twice ${count} files (${Math.ceil(neededBytes / 2 ** 20)} MiB)`);
}

function printTable(results: ReadonlyMap<string, Figures>, skew: ReturnType<typeof shardSkew>): void {
  const columns = [...results.keys()];
  const digits = (value: number) => value.toLocaleString('en', { maximumFractionDigits: value < 100 ? 2 : 0 });
  console.log(`| ${['', ...columns].join(' | ')} |\n|${' --- |'.repeat(columns.length + 1)}`);
  for (const [figure, title] of Object.entries(FIGURES) as [keyof Figures, string][])
    console.log(`| ${[title, ...[...results.values()].map((figures) => digits(figures[figure]))].join(' | ')} |`);
  for (const [digitsUsed, { shards_used, largest_shard, largest_to_even }] of Object.entries(skew))
    console.log(
      `256 shards by the ${digitsUsed.replaceAll('_', ' ')}: ${shards_used} used, the largest holds ${largest_shard}, ` +
        `${digits(largest_to_even)} times an even share`,
    );
}

async function main(): Promise<void> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      json: { type: 'boolean' },
      staging: { type: 'boolean' },
      layout: { type: 'string', multiple: true },
      'before-reading': { type: 'string' },
    },
  });
  const [countText = String(DEFAULT_COUNT), directory = tmpdir()] = positionals;
  const count = Number(countText);
  if (!Number.isInteger(count) || count < 1 || count > MAX_COUNT)
    throw new Error(`${countText} is not a count from 1 to ${MAX_COUNT}`);
  const chosen = LAYOUTS.filter(({ name }) => values.layout === undefined || values.layout.includes(name));
  refuseIfTooSmall(directory, count);
  const names = fileIds(count);
  const results = new Map<string, Figures>();
  for (const layout of chosen) {
    const root = mkdtempSync(path.join(directory, 'holdfast-manifests-'));
    const removeRoot = () => rmSync(root, { recursive: true, force: true });
    process.once('exit', removeRoot);
    const temporaryAt = values.staging === true ? 'staging' : 'beside';
    results.set(
      layout.name,
      await measureLayout(layout, names, { root, temporaryAt, beforeReading: values['before-reading'] }),
    );
    process.off('exit', removeRoot);
  }
  const skew = shardSkew(names);
  if (values.json === true) console.log(JSON.stringify({ count, layouts: Object.fromEntries(results), skew }));
  else printTable(results, skew);
}

// Exit handlers remove the working directory; without these a signal would end the process past them.
for (const [signal, number] of [
  ['SIGINT', 2],
  ['SIGTERM', 15],
  ['SIGHUP', 1],
] as const)
  process.once(signal, () => process.exit(128 + number));

await main();
