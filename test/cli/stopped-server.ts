/** The directories of a server that lived and was stopped or killed, and ways to damage them. */
import { createHash } from 'node:crypto';
import { open, readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, onTestFinished } from 'vitest';
import { store } from '../server/file-client.js';
import type { StoredFile } from '../server/file-client.js';
import { ask, testBytes } from '../server/http-client.js';
import { CHUNK_SIZE, copyDirectory, filesBelow, makeInstallation } from '../server/installation.js';
import type { Installation } from '../server/installation.js';
import { ServerProcess } from '../server/server-process.js';
import { runCommand } from './command.js';

export const SMALL_BYTES = 1500;

export interface StoppedServer {
  readonly installation: Installation;
  /** In the order of their LSNs: small files, with one of several chunks among them. */
  readonly files: readonly StoredFile[];
}

/**
 * Seven files, the fourth of them large, and the second one deleted, all in one segment and above the checkpoint where
 * the server was killed. One server lives for all tests of a file; each gets a copy of what it left.
 */
export function useStoppedServer(signal: 'SIGTERM' | 'SIGKILL'): () => Promise<StoppedServer> {
  let original: StoppedServer | undefined;
  beforeAll(async () => {
    original = await liveAndStop(signal);
  });
  afterAll(() => original?.installation.remove());
  return async () => {
    const installation = await makeInstallation(SETTINGS);
    onTestFinished(() => installation.remove());
    copyDirectory({ from: original!.installation.directory, to: installation.directory });
    return { installation, files: original!.files };
  };
}

const SETTINGS = { WAL_SEGMENT_SIZE: '256KiB', REPLICAS: '' };

async function liveAndStop(signal: 'SIGTERM' | 'SIGKILL'): Promise<StoppedServer> {
  const installation = await makeInstallation(SETTINGS);
  const server = new ServerProcess(installation.environment);
  try {
    const url = await server.url();
    const files: StoredFile[] = [];
    for (let index = 0; index < 7; index += 1) {
      files.push(await store(url, { name: `file-${index}`, content: contentOf(index) }));
    }
    await ask(`${url}/files/${files[1]!.file_id}`, { method: 'DELETE' });
    await server.stop(signal);
    return { installation, files };
  } catch (error) {
    await server.stop('SIGKILL');
    await installation.remove();
    throw error;
  }
}

export const contentOf = (index: number): Buffer =>
  testBytes(index === 3 ? 3 * CHUNK_SIZE + 5 : SMALL_BYTES, index + 1);

export interface Entry {
  readonly lsn: number | null;
  readonly offset_bytes: number;
  readonly length_bytes: number;
  readonly type: string | null;
  readonly file_id: string | null;
  readonly file_name: string | null;
}

export async function segmentPaths({ wal }: Pick<Installation, 'wal'>): Promise<string[]> {
  const directory = join(wal, 'segments');
  const names = (await readdir(directory)).filter((name) => name.endsWith('.wal')).toSorted();
  return names.map((name) => join(directory, name));
}

export async function entriesOf({ environment }: Pick<Installation, 'environment'>, segment: string): Promise<Entry[]> {
  return (await runCommand(environment, 'wal', 'inspect', segment, '--json')).json<{ entries: Entry[] }>().entries;
}

export async function overwrite(path: string, offset: number, bytes: Buffer): Promise<void> {
  const file = await open(path, 'r+');
  await file.write(bytes, 0, bytes.length, offset);
  await file.close();
}

/** Flips a byte in the middle of the record; answers with its LSN. */
export async function flipRecord(
  installation: Pick<Installation, 'wal' | 'environment'>,
  which: (entry: Entry) => boolean,
): Promise<Entry> {
  const [path] = await segmentPaths(installation);
  const entry = (await entriesOf(installation, path!)).find(which)!;
  const at = entry.offset_bytes + Math.floor(entry.length_bytes / 2);
  const byte = (await readFile(path!))[at]!;
  await overwrite(path!, at, Buffer.from([byte ^ 0xff]));
  return entry;
}

/** As after a power cut: of what was applied above the checkpoint the primary kept nothing. */
export async function loseAppliedFiles({ primary }: Installation): Promise<void> {
  for (const kind of ['manifests', 'tombstones']) {
    for (const path of await filesBelow(join(primary, kind))) await rm(join(primary, kind, path));
  }
}

/** Who holds a lock, and what SQLite's processes share: made anew by whoever comes next, and nobody's data. */
const NOTES = /(LOCK\.holder\.json|-shm)$/;

/** A digest of every file of the installation that holds something, by path. */
export async function digests({ directory }: Installation): Promise<Record<string, string>> {
  const found: Record<string, string> = {};
  for (const path of (await filesBelow(directory)).filter((each) => !NOTES.test(each))) {
    found[path] = createHash('sha256')
      .update(await readFile(join(directory, path)))
      .digest('hex');
  }
  return found;
}

/** Starts a server on the directories; what each file answers: its content's index, or the status. */
export async function served({ installation, files }: StoppedServer): Promise<(number | 'same')[]> {
  const server = new ServerProcess(installation.environment);
  onTestFinished(async () => void (await server.stop('SIGKILL')));
  const url = await server.url();
  const answers: (number | 'same')[] = [];
  for (const [index, { file_id }] of files.entries()) {
    const { status, body } = await ask(`${url}/download/${file_id}`);
    answers.push(status === 200 && body.equals(contentOf(index)) ? 'same' : status);
  }
  await server.stop();
  return answers;
}
