import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { FileId } from '#libs/kernel';
import { describe, expect, it, onTestFinished } from 'vitest';
import { defaultJournalPath, ImportJournal, isInside } from './import-journal.js';

const FILE = { path: '/d/a', relativePath: 'a', sizeBytes: 5, modifiedAtMs: 1.5 };
const STORED = { fileId: '01932b7e-8a2c-7c3d-9e4f-5a6b7c8d9e0f' as FileId, sha256: 'a'.repeat(64) };

async function journalPath(text: string): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'holdfast-'));
  onTestFinished(() => rm(directory, { recursive: true, force: true }));
  await writeFile(join(directory, 'journal'), text);
  return join(directory, 'journal');
}

describe('ImportJournal', () => {
  it.each(['', '{"path":"b","size":1', 'no journal at all\n', '{"path":7}\nnull\n[]\n'])(
    'remembers what it is told behind %j',
    async (text) => {
      const path = await journalPath(text);
      const first = await ImportJournal.open(path);
      await first.begin(FILE, 'key');
      await first.close();
      const second = await ImportJournal.open(path);
      expect([second.begunKey(FILE), second.stored('a')]).toEqual(['key', undefined]);
      await second.end(FILE, STORED);
      await second.close();
      const third = await ImportJournal.open(path);
      await third.close();
      expect([third.begunKey(FILE), third.stored('a')]).toEqual([
        undefined,
        { ...STORED, sizeBytes: 5, modifiedAtMs: 1.5 },
      ]);
    },
  );

  it('gives no key to a file that has changed since: other bytes need another', async () => {
    const journal = await ImportJournal.open(await journalPath(''));
    await journal.begin(FILE, 'key');
    expect(journal.begunKey({ ...FILE, sizeBytes: 6 })).toBeUndefined();
    expect(journal.begunKey({ ...FILE, modifiedAtMs: 2 })).toBeUndefined();
    await journal.close();
  });
});

it.each([
  ['/d', true],
  ['/d/x', true],
  ['/d/..x', true],
  ['/dx', false],
  ['/', false],
])('%s is inside /d: %s', (path, inside) => {
  expect(isInside(path, '/d')).toBe(inside);
});

it('the journal stands beside the directory', () => {
  expect(isInside(defaultJournalPath('/home/me/album'), '/home/me/album')).toBe(false);
});
