/** An installation that lives, is stopped, loses something, and gets the commands of a page pasted into a shell. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { rm } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { expect } from 'vitest';
import { nothingOwed, statusOf } from '../replication/replica-client.js';
import { store } from '../server/file-client.js';
import type { StoredFile } from '../server/file-client.js';
import { ask, testBytes } from '../server/http-client.js';
import { CHUNK_SIZE } from '../server/installation.js';
import { ServerProcess } from '../server/server-process.js';

const ROOT = resolve(import.meta.dirname, '../..');

export class Life {
  server: ServerProcess | undefined;
  url = '';
  /** Where `/mnt/backup` is. */
  backup = '';
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

  /** `npm start` says with which replicas it would be. */
  async run(line: string): Promise<{ code: number; output: string }> {
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
}

/** Every line, and what it says of itself; `npm start` starts the server with the environment that the line gives it. */
export async function paste(life: Life, block: string): Promise<void> {
  for (const line of block.split('\n').filter((each) => each !== '')) {
    const { code, output } = await life.run(line);
    expect(code, `${line}\n${output}`).toBe(line.includes('# changes nothing') ? 4 : 0);
    const starts = /^started (.*)$/m.exec(output);
    if (starts !== null) await life.start({ REPLICAS: starts[1]! });
  }
}

/** What was stored reads back, what was deleted does not, and copying goes on, to all replicas. */
export async function expectSound(life: Life, replicas: readonly string[]): Promise<void> {
  await life.upload(2 * CHUNK_SIZE + 1);
  await nothingOwed(life);
  const stores = (await statusOf(life)).filter(({ state }) => state !== 'draining');
  expect(stores.map(({ name, state }) => `${name} ${state}`)).toEqual(replicas.map((name) => `${name} online`));
  for (const { file, content } of life.files) {
    const { status, body } = await ask(`${life.url}/download/${file.file_id}`);
    expect([status, body.equals(content)]).toEqual([200, true]);
  }
  for (const { file_id: id } of life.deleted) expect((await ask(`${life.url}/download/${id}`)).status).toBe(404);
}
