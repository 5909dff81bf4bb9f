/** A throw-away installation: directories of its own and the settings that lead there. */
import { cpSync, readdirSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export type Environment = Readonly<Record<string, string>>;

export interface Installation {
  readonly directory: string;
  readonly primary: string;
  readonly wal: string;
  readonly environment: Environment;
  remove(): Promise<void>;
}

/** Small sizes, so that a few kilobytes reach every case: inline, one chunk, several, several segments. */
export const CHUNK_SIZE = 16 * 1024;
export const INLINE_MAX = 4 * 1024;
export const MAX_FILE_SIZE = 1024 * 1024;

export async function makeInstallation(settings: Environment = {}): Promise<Installation> {
  const directory = await mkdtemp(join(tmpdir(), 'holdfast-'));
  const primary = join(directory, 'primary');
  const wal = join(directory, 'wal');
  return {
    directory,
    primary,
    wal,
    environment: {
      PORT: '0',
      STORAGE_PATH: primary,
      REPLICAS: `${join(directory, 'replica1')},${join(directory, 'replica2')}`,
      WAL_PATH: wal,
      DATABASE_URL: `sqlite:${join(directory, 'catalog.db')}`,
      CHUNK_SIZE: `${CHUNK_SIZE}B`,
      INLINE_MAX: `${INLINE_MAX}B`,
      MAX_FILE_SIZE: `${MAX_FILE_SIZE}B`,
      WAL_SEGMENT_SIZE: '64KiB',
      WAL_MAX_SIZE: '8MiB',
      DISK_RESERVE: '1MiB',
      // What a test has damaged stays so until it says otherwise.
      SCRUB_RATE: '0',
      ...settings,
    },
    remove: () => rm(directory, { recursive: true, force: true }),
  };
}

/** An installation is two thousand directories and a few files: copied by promises, they take fifteen times as long. */
export function copyDirectory({ from, to }: { readonly from: string; readonly to: string }): void {
  cpSync(from, to, { recursive: true });
}

/** Paths of all files below a directory, relative to it and sorted. */
export async function filesBelow(directory: string): Promise<string[]> {
  const entries = readdirSync(directory, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(directory.length + 1))
    .toSorted();
}
