import { describe, expect, it } from 'vitest';
import { parseTrace } from './system-calls.js';
import { tracedStore } from './traced-store.js';

const WRITE = '1 1.0 pwrite64(20</r/staging/t>, "abc", 3, 0) = 3';
const SYNC = '1 1.0 fdatasync(20</r/staging/t>) = 0';
const RENAME = '1 1.0 rename("/r/staging/t", "/r/chunks/aa/c") = 0';
const RENAME_ASIDE = '1 1.0 rename("/r/staging/t", "/r/staging/u") = 0';
const RENAME_BACK = '1 1.0 rename("/r/staging/u", "/r/chunks/aa/c") = 0';
const SYNC_NAME = '1 1.0 fsync(21</r/chunks/aa>) = 0';
const SYNC_DISK = '1 1.0 syncfs(3</r>) = 0';

/** Bytes, whether they were durable, whether they were before they had the name, and whether the name was. */
function seen(...lines: readonly string[]): unknown {
  const calls = parseTrace(lines.join('\n'));
  const file = tracedStore(calls, { root: '/r', position: lines.length }).get('/r/chunks/aa/c');
  return file === undefined
    ? undefined
    : [file.bytes, file.areBytesDurable, file.wereBytesDurableBefore, file.isNameDurable];
}

describe('of a file in a trace', () => {
  it.each<[string, readonly string[], unknown]>([
    ['bytes and name are durable after both syncs', [WRITE, SYNC, RENAME, SYNC_NAME], [3, true, true, true]],
    ['the bytes are not without a sync of their own', [WRITE, RENAME, SYNC_NAME], [3, false, false, true]],
    [
      'the bytes are not where they were written after the sync',
      [WRITE, SYNC, WRITE, RENAME],
      [6, false, false, false],
    ],
    ['the name is not by a sync before the rename', [WRITE, SYNC, SYNC_NAME, RENAME], [3, true, true, false]],
    ['both are by a sync of the whole file system', [WRITE, RENAME, SYNC_DISK], [3, true, false, true]],
    [
      'bytes synced under another name were durable before',
      [WRITE, RENAME_ASIDE, SYNC_DISK, RENAME_BACK, SYNC_NAME],
      [3, true, true, true],
    ],
    [
      'neither is by a sync that failed',
      [WRITE, RENAME, SYNC_DISK.replace('= 0', '= -1 EIO')],
      [3, false, false, false],
    ],
    ['neither is by a sync of another store', [WRITE, RENAME, SYNC_DISK.replace('/r', '/s')], [3, false, false, false]],
  ])('%s', (_, lines, expected) => {
    expect(seen(...lines)).toEqual(expected);
  });

  it('the bytes are not by a sync that began while they were still being written', () => {
    const writing = [
      '1 1.0 pwrite64(20</r/staging/t>, "abc" <unfinished ...>',
      '1 1.0 <... pwrite64 resumed>, 3, 0) = 3',
    ];
    const syncing = ['2 1.0 fdatasync(20</r/staging/t> <unfinished ...>', '2 1.0 <... fdatasync resumed>) = 0'];
    expect(seen(writing[0]!, syncing[0]!, writing[1]!, syncing[1]!, RENAME)).toEqual([3, false, false, false]);
    expect(seen(writing[0]!, writing[1]!, syncing[0]!, syncing[1]!, RENAME)).toEqual([3, true, true, false]);
  });

  it('what returned after the moment does not count', () => {
    const calls = parseTrace([WRITE, SYNC, RENAME, SYNC_NAME].join('\n'));
    const file = tracedStore(calls, { root: '/r', position: 3 }).get('/r/chunks/aa/c');
    expect(file).toMatchObject({ areBytesDurable: true, isNameDurable: false });
  });
});
