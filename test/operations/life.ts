/** An installation that lives, is stopped, loses something, and gets the commands of a page pasted into a shell. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { rename } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { expect } from 'vitest';
import { nothingOwed, statusOf } from '../replication/replica-client.js';
import { store } from '../server/file-client.js';
import type { StoredFile } from '../server/file-client.js';
import { ask, testBytes } from '../server/http-client.js';
import { CHUNK_SIZE } from '../server/installation.js';
import { ServerProcess } from '../server/server-process.js';
import type { Section } from './page.js';

const ROOT = resolve(import.meta.dirname, '../..');

export class Life {
  server: ServerProcess | undefined;
  url = '';
  /** Where `/mnt/backup` is. */
  backup = '';
  readonly files: { readonly file: StoredFile; readonly content: Buffer }[] = [];
  readonly deleted: StoredFile[] = [];
  /** Beside the defaults of the tests, for the server and for what is pasted. */
  settings: Record<string, string> = {};
  /** What a program is started by: of a test with disks of its own, in their namespace. */
  launcher: readonly string[] = [];
  /** Where `/mnt/disk2` is. */
  disk2 = '';
  /** With what the last `npm start` was pasted. */
  given: Record<string, string> = {};
  /** Where this process finds the directory. */
  seen = '';

  constructor(public directory: string) {}

  get wal(): string {
    return join(this.directory, 'wal');
  }

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
      ...this.settings,
    };
  }

  async start(settings: Record<string, string> = {}): Promise<void> {
    this.server = new ServerProcess({ ...this.environment, ...settings }, this.launcher);
    this.url = await this.server.url();
  }

  async stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
    await this.server?.stop(signal);
    this.server = undefined;
    this.url = '';
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

  async remove(path: string): Promise<void> {
    await rename(join(this.directory, path), join(this.directory, 'removed'));
  }

  restore(path: string): Promise<void> {
    return rename(join(this.directory, 'removed'), join(this.directory, path));
  }

  /** `npm start` says with which settings it would be. */
  async run(line: string): Promise<{ code: number; output: string }> {
    const placed = line
      .replaceAll('./data/', `${this.directory}/data/`)
      .replaceAll('/mnt/backup/', `${this.backup}/`)
      .replaceAll('/mnt/disk2/', `${this.disk2}/`)
      .replaceAll('http://127.0.0.1:8080', this.url);
    const start = `env | grep -E '^(${STARTED_WITH.join('|')})=' | sed 's/^/started /'`;
    const npm = `npm() { if [ "$1" = start ]; then ${start}; else command npm --prefix '${ROOT}' "$@"; fi; }`;
    const script = `cd '${this.directory}'\n${npm}\n${placed}`;
    const [program, ...parameters] = [...this.launcher, 'bash', '-c', script];
    const child = spawn(program, parameters, {
      cwd: this.directory,
      env: { ...this.environment, HOLDFAST_URL: this.url },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let output = '';
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (text: Buffer) => (output += text.toString()));
    const [code] = (await once(child, 'close')) as [number];
    return { code, output };
  }
}

/** The settings that a line of the page may give to `npm start`. */
const STARTED_WITH = ['REPLICAS', 'STORAGE_PATH', 'WAL_PATH', 'REDIS_URL', 'WORKERS', 'DISK_RESERVE'];

/** Every line, and what it says of itself; `npm start` starts the server with the environment that the line gives it. */
export async function paste(life: Life, block: string, lastCode = 0): Promise<string> {
  let all = '';
  const lines = block.split('\n').filter((each) => each !== '');
  for (const [index, line] of lines.entries()) {
    const { code, output } = await life.run(line);
    const expected = index === lines.length - 1 ? lastCode : 0;
    expect(code, `${line}\n${output}`).toBe(line.includes('# changes nothing') ? 4 : expected);
    const started = [...output.matchAll(/^started ([A-Z_]+)=(.*)$/gm)];
    if (started.length > 0) {
      life.given = Object.fromEntries(started.map(([, name, value]) => [name!, value!]));
      await life.start(life.given);
    }
    all += output;
  }
  return all;
}

/** The words of the page are those of the program; `…` stands for anything. */
export function expectSigns(signs: string, output: string): void {
  for (const line of signs.trim().split('\n')) {
    const parts = line.split('…').map((part) => part.replaceAll(/[$()*+.?[\\\]^{|}]/g, String.raw`\$&`));
    expect(output).toMatch(new RegExp(parts.join('.*')));
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

/** As the page says above all sections. */
export async function expectOver(life: Life, { signs: [over], blocks: [status] }: Section): Promise<void> {
  expectSigns(over!, await paste(life, status!));
}

/** A start that gives up, and what it says to a person. */
export async function expectRefusal(life: Life, { code, says }: { code: number; says: string }): Promise<void> {
  const server = new ServerProcess(life.environment, life.launcher);
  expect(await server.exited).toMatchObject({ code });
  expectSigns(says, server.stderr);
}

/** What `status` says; it must end with `code`. */
export async function expectStatus(life: Life, code: number): Promise<string> {
  const said = await life.run('npm run -s holdfast -- status');
  expect(said.code, said.output).toBe(code);
  return said.output;
}
