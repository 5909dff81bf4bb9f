// The commands of docs/operations.md, run by a shell as they are written, on an installation to which it has happened.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { nothingOwed, statusOf } from '../replication/replica-client.js';
import { store } from '../server/file-client.js';
import type { StoredFile } from '../server/file-client.js';
import { ask, testBytes } from '../server/http-client.js';
import { CHUNK_SIZE } from '../server/installation.js';
import { ServerProcess } from '../server/server-process.js';

const ROOT = resolve(import.meta.dirname, '../..');
const PAGE = join(ROOT, 'docs/operations.md');

/** The `sh` blocks below a heading. */
async function blocksOf(heading: string): Promise<string[]> {
  const section = (await readFile(PAGE, 'utf8')).split(/^## /m).find((text) => text.startsWith(`${heading}\n`)) ?? '';
  return [...section.matchAll(/^```sh\n(.*?)^```$/gms)].map(([, block]) => block!);
}

class Life {
  server: ServerProcess | undefined;
  url = '';
  readonly files: { readonly file: StoredFile; readonly content: Buffer }[] = [];
  readonly deleted: StoredFile[] = [];

  constructor(public directory: string) {}

  get environment(): Record<string, string> {
    const data = join(this.directory, 'data');
    return {
      PATH: process.env['PATH']!,
      HOME: process.env['HOME'] ?? '/',
      PORT: '0',
      STORAGE_PATH: join(data, 'primary'),
      REPLICAS: `${join(data, 'replica1')},${join(data, 'replica2')}`,
      WAL_PATH: join(this.directory, 'wal'),
      DATABASE_URL: `sqlite:${join(data, 'catalog.db')}`,
      CHUNK_SIZE: `${CHUNK_SIZE}B`,
      INLINE_MAX: '4KiB',
      MAX_FILE_SIZE: '1MiB',
      DISK_RESERVE: '1MiB',
    };
  }

  async start(settings: Record<string, string> = {}): Promise<void> {
    this.server = new ServerProcess({ ...this.environment, ...settings });
    this.url = await this.server.url();
  }

  async stop(): Promise<void> {
    await this.server?.stop();
    this.server = undefined;
  }

  async upload(size: number): Promise<void> {
    const content = testBytes(size, this.files.length + 1);
    this.files.push({ file: await store(this.url, { name: `file-${this.files.length}`, content }), content });
  }

  async delete(): Promise<void> {
    const { file } = this.files.shift()!;
    await ask(`${this.url}/files/${file.file_id}`, { method: 'DELETE' });
    this.deleted.push(file);
  }

  remove(...paths: string[]): Promise<unknown> {
    return Promise.all(paths.map((path) => rm(join(this.directory, path), { recursive: true, force: true })));
  }

  /** Every line, and what it says of itself; `npm start` starts the server with the environment that the line gives it. */
  async paste(block: string): Promise<void> {
    for (const line of block.split('\n').filter((each) => each !== '')) {
      const { code, output } = await this.#run(line);
      expect(code, `${line}\n${output}`).toBe(line.includes('# changes nothing') ? 4 : 0);
      const starts = /^started (.*)$/m.exec(output);
      if (starts !== null) await this.start({ REPLICAS: starts[1]! });
    }
  }

  async #run(line: string): Promise<{ code: number; output: string }> {
    const placed = line.replaceAll('./data/', `${this.directory}/data/`).replaceAll('/mnt/backup/', `${this.backup}/`);
    const npm = `npm() { if [ "$1" = start ]; then echo "started $REPLICAS"; else command npm --prefix '${ROOT}' "$@"; fi; }`;
    const child = spawn('bash', ['-c', `${npm}\n${placed}`], {
      cwd: this.directory,
      env: this.environment,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let output = '';
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (text: Buffer) => (output += text.toString()));
    const [code] = (await once(child, 'close')) as [number];
    return { code, output };
  }

  backup = '';

  /** What was stored reads back, what was deleted does not, and copying goes on, to all replicas. */
  async expectSound(replicas: readonly string[]): Promise<void> {
    await this.upload(2 * CHUNK_SIZE + 1);
    await nothingOwed(this);
    const stores = (await statusOf(this)).filter(({ state }) => state !== 'draining');
    expect(stores.map(({ name, state }) => `${name} ${state}`)).toEqual(replicas.map((name) => `${name} online`));
    for (const { file, content } of this.files) {
      const { status, body } = await ask(`${this.url}/download/${file.file_id}`);
      expect([status, body.equals(content)]).toEqual([200, true]);
    }
    for (const { file_id: id } of this.deleted) expect((await ask(`${this.url}/download/${id}`)).status).toBe(404);
  }
}

const BOTH = ['replica1', 'replica2'];

type Story = (life: Life, blocks: readonly string[]) => Promise<void>;

/** By heading: what happens to a stopped installation, and what its commands lead to. */
const STORIES: Readonly<Record<string, Story>> = {
  'Replica lost': async (life, [without, again]) => {
    await life.paste(without!);
    await life.delete();
    await life.expectSound(['replica1']);
    await life.stop();
    await life.start();
    expect((await statusOf(life)).map(({ state }) => state)).toEqual(['online', 'foreign']);
    await life.stop();
    await life.paste(again!);
    await life.expectSound(BOTH);
  },
  'Disk replaced': async (life, [replace]) => {
    await life.remove('data/replica2');
    await life.paste(replace!);
    await life.expectSound(BOTH);
  },
  'Primary lost': async (life, [rebuild]) => {
    await life.remove('data/primary');
    await life.paste(rebuild!);
    await life.expectSound(BOTH);
  },
  'Catalog lost': async (life, [anew]) => {
    await life.paste(anew!);
    await life.expectSound(BOTH);
  },
  'Restore on a new machine': async (life, [restore]) => {
    life.backup = join(life.directory, 'data');
    life.directory = await temporaryDirectory();
    await life.paste(restore!);
    await life.expectSound(BOTH);
  },
};

async function temporaryDirectory(): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'holdfast-operations-'));
  onTestFinished(() => rm(directory, { recursive: true, force: true }));
  return directory;
}

it.each(Object.keys(STORIES))('%s', async (heading) => {
  const blocks = await blocksOf(heading);
  expect(blocks.length).toBeGreaterThan(0);
  const life = new Life(await temporaryDirectory());
  onTestFinished(async () => void (await life.server?.stop('SIGKILL')));
  await life.start();
  for (const size of [100, 3 * CHUNK_SIZE + 5, 1500, CHUNK_SIZE]) await life.upload(size);
  await life.delete();
  await nothingOwed(life);
  await life.stop();
  await STORIES[heading]!(life, blocks);
});
