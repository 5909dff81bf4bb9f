/** Boot on directories of different ages: an old log, an old catalog, a store whose last delete was cut off. */
import { uploadBeginDraft, newFileId } from '#libs/kernel';
import type { FileId } from '#libs/kernel';
import type { FileStore } from '#libs/file-store';
import { randomBytes } from 'node:crypto';
import { cp, mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { openInstallation, put, temporaryPaths } from './installation.js';
import type { InstallationPaths } from './installation.js';

const namesIn = (files: FileStore): string[] =>
  files.list({ prefix: '', limit: 100, cursor: undefined }).files.map(({ fileName }) => fileName);

/** Stores files of these names and stops cleanly; answers with the id of the last one. */
async function liveWith(paths: InstallationPaths, ...names: readonly string[]): Promise<FileId> {
  const store = await openInstallation(paths);
  let last: FileId | undefined;
  for (const name of names) last = (await put(store.files, name, randomBytes(10))).fileId;
  await store.close();
  return last!;
}

describe('an old copy of the log', () => {
  it('is refused where the catalog has applied more', async () => {
    await using paths = await temporaryPaths();
    await liveWith(paths, 'a');
    await cp(paths.wal, `${paths.wal}.old`, { recursive: true });
    await liveWith(paths, 'b');
    await rm(paths.wal, { recursive: true });
    await cp(`${paths.wal}.old`, paths.wal, { recursive: true });
    await expect(openInstallation(paths)).rejects.toMatchObject({ code: 'log_behind' });
  });

  it('is refused where only a manifest of the primary tells that it is old', async () => {
    await using paths = await temporaryPaths();
    await liveWith(paths, 'a');
    await cp(paths.wal, `${paths.wal}.old`, { recursive: true });
    await liveWith(paths, 'b');
    await rm(paths.wal, { recursive: true });
    await cp(`${paths.wal}.old`, paths.wal, { recursive: true });
    await rm(paths.catalog);
    await expect(openInstallation(paths)).rejects.toMatchObject({ code: 'log_behind' });
  });
});

describe('a new log where the old one is gone', () => {
  it('starts above LSNs that only the catalog knows', async () => {
    await using paths = await temporaryPaths();
    await liveWith(paths, 'a');
    const store = await openInstallation(paths);
    // Records that leave nothing on a store.
    let last = store.parts.wal.committedLsn;
    for (let upload = 0; upload < 5; upload += 1) {
      ({ lsn: last } = await store.parts.wal.append(uploadBeginDraft({ fileId: newFileId(1), createdAtMs: 1 })));
    }
    await store.parts.applier.applied(last);
    await store.abandon();
    for (const name of await readdir(paths.wal)) await rm(join(paths.wal, name), { recursive: true });
    const after = await openInstallation(paths);
    expect((await put(after.files, 'b', randomBytes(10))).lsn).toBeGreaterThan(last);
    await after.close();
  });

  it('does not believe a catalog that has never seen it', async () => {
    await using paths = await temporaryPaths();
    await liveWith(paths, 'a');
    await cp(paths.catalog, `${paths.catalog}.old`);
    await rm(paths.wal, { recursive: true });
    await mkdir(paths.wal);
    await liveWith(paths, 'b');
    await cp(`${paths.catalog}.old`, paths.catalog);
    const after = await openInstallation(paths);
    expect(after.parts.report.catalogRebuilt).toBe('of_another_log');
    expect(namesIn(after.files)).toEqual(['a', 'b']);
    await after.close();
  });
});

describe('a primary with both the manifest and the tombstone of a file', () => {
  it('has it deleted after the catalog was lost', async () => {
    await using paths = await temporaryPaths();
    const fileId = await liveWith(paths, 'kept', 'deleted');
    const manifestPath = join(paths.primary, 'manifests', fileId.slice(-2), fileId);
    const manifest = await readFile(manifestPath);
    const store = await openInstallation(paths);
    await store.files.delete(fileId);
    await store.close();
    // As a power cut between the two leaves it.
    await writeFile(manifestPath, manifest);
    await rm(paths.catalog);
    const after = await openInstallation(paths);
    expect(after.parts.report.catalogRebuilt).toBe('missing');
    expect(namesIn(after.files)).toEqual(['kept']);
    await after.close();
  });
});
