// Undelete: what a delete keeps, what an undelete proves before it logs, and what goes last.
import type { Mutant } from './mutant.js';

const UNDELETE = 'libs/file-store/src/undelete-file.ts';
const KEPT = 'libs/stores/src/deleted-manifests.ts';
const UNDELETE_TEST = 'libs/file-store/src/undelete-file.test.ts';
const KEPT_TEST = 'libs/stores/src/deleted-manifests.test.ts';
const APPLIED_TEST = 'libs/stores/src/applied-objects.test.ts';
const RACES = 'test/garbage/undelete.test.ts';
const STATES = 'test/states/undeletes.test.ts';

export const UNDELETES: readonly Mutant[] = [
  {
    name: 'undelete: a delete succeeds where there is no room to keep the manifest',
    file: KEPT,
    find: '    await this.#unlink(manifestPath);\n    const isThere',
    replace: '    const isThere',
    tests: [KEPT_TEST],
    letsThrough: 'on a full disk the manifest of a deleted file stays',
  },
  {
    name: 'undelete: a flush syncs where the manifest went',
    file: KEPT,
    find: 'const directories = [dirname(manifestPath), dirname(path)];',
    replace: 'const directories = [dirname(manifestPath)];',
    tests: [APPLIED_TEST],
    letsThrough: 'the manifest of a deleted file is back after a power cut behind the checkpoint',
  },
  {
    name: 'undelete: also where a killed process has moved the manifest',
    file: KEPT,
    find: 'return isThere ? directories : directories.slice(0, 1);',
    replace: 'return isThere ? directories.slice(0, 1) : directories.slice(0, 1);',
    tests: [APPLIED_TEST],
    letsThrough: 'as above, after a kill and a replay',
  },
  {
    name: 'undelete: directories for kept manifests are durable before they are used',
    file: KEPT,
    find: '      await this.#fs.syncDirectory(directory);\n',
    replace: '',
    tests: [KEPT_TEST],
    letsThrough: 'a power cut takes the directory that a flush is to sync',
  },
  {
    name: 'undelete: chunks are pinned',
    file: UNDELETE,
    find: `    await primary.guard.pin(
      fileId,
      chunks.map(({ chunkId }) => chunkId),
    );
`,
    replace: '',
    tests: [RACES],
    letsThrough: 'a chunk is collected between the look at it and the record of its file',
  },
  {
    name: 'undelete: every chunk is looked at, with its length',
    file: UNDELETE,
    find: '!== storedBytes) missing += 1;',
    replace: '=== undefined && storedBytes < 0) missing += 1;',
    tests: [UNDELETE_TEST, RACES],
    letsThrough: 'a file comes back of which a chunk is gone',
  },
  {
    name: 'undelete: the names of the chunks are synced before the record',
    file: UNDELETE,
    find: "  await primary.syncAll([...lengths.keys()].map((id) => ({ kind: 'chunk', id })));\n",
    replace: '',
    tests: [UNDELETE_TEST],
    letsThrough: 'a chunk under a name that is on no disk belongs to an acknowledged file',
  },
  {
    name: 'undelete: an unknown outcome keeps the pins',
    file: UNDELETE,
    find: "mayBeStored = !StoreError.is(error) || error.code === 'outcome_unknown';",
    replace: 'mayBeStored = false;',
    tests: [UNDELETE_TEST],
    letsThrough: 'the chunks of a file that the next start will find are collected',
  },
  {
    name: 'undelete: the kept manifest goes last',
    file: UNDELETE,
    find: '    const receipt = await putAgain(',
    replace: '    await primary.deleted.remove(deleted).catch(() => undefined);\n    const receipt = await putAgain(',
    tests: [STATES],
    letsThrough: 'a crash in an undelete loses the file for good',
  },
  {
    name: 'undelete: two at once bring it back once',
    file: UNDELETE,
    find: '    undeleting.set(fileId, underWay);\n',
    replace: '',
    tests: [UNDELETE_TEST],
    letsThrough: 'a double click makes two files',
  },
  {
    name: 'undelete: the idempotency key stays free',
    file: UNDELETE,
    find: '    idempotencyKey: undefined,\n',
    replace: '',
    tests: [UNDELETE_TEST],
    letsThrough: 'a new upload under the key of a deleted one is answered with the file that was brought back',
  },
  {
    name: 'undelete: what cannot be removed does not end the pass',
    file: 'libs/maintenance/src/expired-deletes.ts',
    find: 'await deleted.remove(file).catch((error: unknown) => failures.push(error));',
    replace: 'await deleted.remove(file);',
    tests: [RACES],
    letsThrough: 'one bad directory keeps all garbage from being collected',
  },
];
