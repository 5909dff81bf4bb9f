// The file-system edge: the operations that promise durability, and the lock.
import type { Mutant } from './mutant.js';

const REPLACE = 'libs/durable-fs/src/durable-replace.test.ts';
const DIRECTORY = 'libs/durable-fs/src/durable-directory.test.ts';
const NODE = 'libs/durable-fs/src/node-file-system.test.ts';
const SYNC = 'libs/durable-fs/src/file-system-sync.test.ts';
const LOCK = 'libs/durable-fs/src/directory-lock.test.ts';
const CALLS = 'test/durability/file-system-calls.test.ts';

export const DURABLE_FS: readonly Mutant[] = [
  {
    name: 'durableReplace: the bytes are synced before they have the name',
    file: 'libs/durable-fs/src/durable-replace.ts',
    find: 'await file.dataSync();',
    replace: '',
    tests: [REPLACE],
    letsThrough: 'the name is durable and the bytes are not',
  },
  {
    name: 'durableReplace: the directory is synced',
    file: 'libs/durable-fs/src/durable-replace.ts',
    find: 'await fs.syncDirectory(dirname(path));',
    replace: '',
    tests: [REPLACE],
    letsThrough: 'the old content is back after a power cut',
  },
  {
    name: 'makeDirectoryDurably: the parent of each is synced',
    file: 'libs/durable-fs/src/durable-directory.ts',
    find: 'await fs.syncDirectory(dirname(directory));',
    replace: '',
    tests: [DIRECTORY],
    letsThrough: 'a directory is gone after a power cut, with all that was made in it',
  },
  {
    name: 'makeDirectoryDurably: the parent of the one found is synced',
    file: 'libs/durable-fs/src/durable-directory.ts',
    find: 'await syncParentOfFound(fs, found);',
    replace: 'void syncParentOfFound;',
    tests: [DIRECTORY],
    letsThrough: 'a directory that a killed process made is gone after a power cut, with all that was made in it',
  },
  {
    name: 'node: dataSync is fdatasync',
    file: 'libs/durable-fs/src/node-open-file.ts',
    find: '(descriptor) => fdatasyncAsync(descriptor)',
    replace: 'async (descriptor) => void [descriptor, fdatasyncAsync]',
    tests: [CALLS],
    letsThrough: 'nothing at all is durable',
  },
  {
    name: 'node: syncDirectory is fsync',
    file: 'libs/durable-fs/src/node-file-system.ts',
    find: 'await fsyncAsync(descriptor);',
    replace: '',
    tests: [CALLS],
    letsThrough: 'no name is durable',
  },
  {
    name: 'node: syncFileSystem is syncfs',
    file: 'libs/durable-fs/src/file-system-sync.ts',
    find: 'sync -f -- "$path"',
    replace: 'sync --version -- "$path"',
    tests: [CALLS, SYNC],
    letsThrough: 'the checkpoint of a busy server covers what is on no disk',
  },
  {
    name: 'node: a write that comes up short goes on',
    file: 'libs/durable-fs/src/node-open-file.ts',
    find: 'while (written < bytes.length) {',
    replace: 'if (written < bytes.length) {',
    tests: [NODE, CALLS],
    letsThrough: 'half a batch is acknowledged on a disk that is nearly full',
  },
  {
    name: 'node: a file is closed when no call uses it any more',
    file: 'libs/durable-fs/src/node-open-file.ts',
    find: 'if (this.#callsInFlight > 0) await',
    replace: 'if (this.#callsInFlight < 0) await',
    tests: [NODE],
    letsThrough: 'a late write lands in a stranger’s file that got the same number',
  },
  {
    name: 'node: a refreshed file is written again',
    file: 'libs/durable-fs/src/file-batch.ts',
    find: 'written += writeSync(descriptor, bytes, written, bytes.length - written, written);',
    replace: 'written += bytes.length;\n      void writeSync;',
    tests: [CALLS],
    letsThrough: 'a page whose write-back failed reads well, and is believed and never written',
  },
  {
    name: 'node: only a file that holds just these bytes is refreshed',
    file: 'libs/durable-fs/src/file-batch.ts',
    find: 'if (!holds(descriptor, bytes)) return false;',
    replace: 'void holds;',
    tests: [NODE],
    letsThrough: 'a crash in the middle leaves half of the new bytes in the old file',
  },
  {
    name: 'node: a file is replaced through a temporary name',
    file: 'libs/durable-fs/src/file-batch.ts',
    find: '    writeFileSync(temporaryPath, bytes);\n    renameSync(temporaryPath, path);',
    replace: '    writeFileSync(path, bytes);\n    void renameSync;',
    tests: [NODE],
    letsThrough: 'a reader, or a killed process, sees half a manifest',
  },
  {
    name: 'node: a replacement that failed leaves no temporary',
    file: 'libs/durable-fs/src/file-batch.ts',
    find: 'rmSync(temporaryPath, { force: true });',
    replace: 'void rmSync;',
    tests: [NODE],
    letsThrough: 'on a full disk the partial file holds the very space that the next attempt needs',
  },
  {
    name: 'node: nobody waits behind a thread whose disk gives no answer',
    file: 'libs/durable-fs/src/file-batch.ts',
    find: 'performance.now() - this.#lastSignMs > HUNG_AFTER_MS',
    replace: 'this.#lastSignMs > Number.MAX_VALUE',
    hangs: true,
    tests: [NODE],
    letsThrough: 'two copies to a hung mount keep all other copies waiting for ever',
  },
  {
    name: 'lock: exclusive',
    file: 'libs/durable-fs/src/directory-lock.ts',
    find: "connection.exec('BEGIN EXCLUSIVE');",
    replace: "connection.exec('BEGIN');",
    tests: [LOCK],
    letsThrough: 'two servers write one log',
  },
  {
    name: 'lock: held until it is released',
    file: 'libs/durable-fs/src/directory-lock.ts',
    find: 'heldConnections.add(connection);',
    replace: "heldConnections.add(connection);\n  connection.exec('ROLLBACK');",
    tests: [LOCK],
    letsThrough: 'two servers write one log',
  },
];
