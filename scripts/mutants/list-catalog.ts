// The catalog's file: how a new one takes its place, and when it is durable.
import type { Mutant } from './mutant.js';

const OPEN = 'libs/catalog/src/open-catalog.test.ts';
const KEYS = 'libs/catalog/src/idempotency-keys.test.ts';
const LIFE = 'libs/catalog/src/catalog.test.ts';

export const CATALOG: readonly Mutant[] = [
  {
    name: 'catalog: the key of an upload is in the transaction of its file',
    file: 'libs/catalog/src/catalog.ts',
    find: 'if (idempotencyKey !== undefined) this.#statements.putIdempotencyKey.run(idempotencyKey, entry.fileId);',
    replace: '',
    tests: [KEYS],
    letsThrough: 'a retry after a restart stores a second file',
  },
  {
    name: 'catalog: a key goes with its file',
    file: 'libs/catalog/src/catalog.ts',
    find: 'this.#statements.deleteIdempotencyKeys.run(fileId);',
    replace: '',
    tests: [KEYS],
    letsThrough: 'a key that is used again after a delete finds the deleted file, and stores one more at every retry',
  },
  {
    name: 'catalog: whole and durable before it takes the name',
    file: 'libs/catalog/src/open-catalog.ts',
    find: '  await fill(catalog);\n  catalog.makeDurable();',
    replace: '  await fill(catalog);',
    tests: [OPEN],
    letsThrough: 'after a power cut the catalog is half of itself',
  },
  {
    name: 'catalog: the file is whole before it takes the name',
    file: 'libs/catalog/src/open-catalog.ts',
    find: '  try {\n    await fillSource(source, clusterId, fill);',
    replace:
      '  await fs.rename(temporaryPath, path);\n  await fs.rename(path, temporaryPath);\n  try {\n    await fillSource(source, clusterId, fill);',
    tests: [OPEN],
    letsThrough: 'a crash while rebuilding leaves half a catalog',
  },
  {
    name: 'catalog: the log of the older one is gone before the new one takes its name',
    file: 'libs/catalog/src/open-catalog.ts',
    find: '  for (const companion of SQLITE_COMPANIONS) await removeIfPresent(fs, `${path}${companion}`);\n',
    replace: '',
    tests: [OPEN],
    letsThrough: 'the log of the older catalog is replayed into the new one',
  },
  {
    name: 'catalog: the removal of the older log is durable before the rename',
    file: 'libs/catalog/src/open-catalog.ts',
    find: '  await fs.syncDirectory(dirname(path));\n  await fs.rename(temporaryPath, path);',
    replace: '  await fs.rename(temporaryPath, path);',
    tests: [OPEN],
    letsThrough: 'after a power cut the log of the older catalog stands beside the new one, and is replayed into it',
  },
  {
    name: 'catalog: the new name is durable',
    file: 'libs/catalog/src/open-catalog.ts',
    find: '  await fs.rename(temporaryPath, path);\n  await fs.syncDirectory(dirname(path));',
    replace: '  await fs.rename(temporaryPath, path);',
    tests: [OPEN],
    letsThrough: 'after a power cut the older catalog is back, without the log that belonged to it',
  },
  {
    name: 'catalog: its directory is durable',
    file: 'libs/catalog/src/open-catalog.ts',
    find: 'await makeDirectoryDurably(fs, dirname(path));',
    replace: 'await fs.makeDirectory(dirname(path));',
    tests: [OPEN],
    letsThrough: 'after a power cut the catalog is gone with its directory',
  },
  {
    name: 'catalog: SQLite says that its checkpoint took everything',
    file: 'libs/catalog/src/catalog.ts',
    find: 'if (rows[0]?.busy !== 0) {',
    replace: 'if (rows[0]?.busy === -1) {',
    tests: [LIFE, 'libs/apply/src/checkpointer.test.ts'],
    letsThrough: 'segments are removed although the catalog has them only in a log that is not synced',
  },
  {
    name: 'catalog: SQLite takes no checkpoint of its own',
    file: 'libs/catalog/src/catalog-source.ts',
    find: "      database.pragma('wal_autocheckpoint = 0');\n",
    replace: '',
    tests: [OPEN],
    letsThrough: 'a commit in the middle of a request moves the whole log of SQLite',
  },
  {
    name: 'catalog: a failed sync leaves a doubt',
    file: 'libs/catalog/src/catalog.ts',
    find: 'this.#inDoubt ||= isIoFailure(error);',
    replace: 'void isIoFailure;',
    tests: ['libs/catalog/src/catalog.test.ts'],
    letsThrough: 'the next sync says yes to pages that Linux has dropped',
  },
  {
    name: 'catalog: one in doubt is not closed',
    file: 'libs/catalog/src/catalog.ts',
    find: 'if (!this.#inDoubt) await this.#source.destroy();',
    replace: 'await this.#source.destroy();',
    tests: ['libs/catalog/src/catalog.test.ts'],
    letsThrough: 'SQLite takes a checkpoint of its own from pages that may be on no disk',
  },
  {
    name: 'catalog: one in doubt is not opened',
    file: 'libs/catalog/src/catalog-files.ts',
    find: 'if ((await fs.stat(doubtPath)) !== undefined)',
    replace: "if ((await fs.stat(doubtPath)) === undefined && doubtPath === '')",
    tests: ['libs/catalog/src/catalog-files.test.ts'],
    letsThrough: 'a process after the failed sync trusts what only the page cache shows',
  },
  {
    name: 'catalog: a doubt ends when another catalog stands',
    file: 'libs/catalog/src/catalog-files.ts',
    find: `      const catalog = await writingTo(path, createCatalog(fs, path, clusterId, fill));
      // Not before: a crash while the new one is made leaves the old one, which is still in doubt.
      await removeIfPresent(fs, doubtPath);`,
    replace: `      await removeIfPresent(fs, doubtPath);
      const catalog = await writingTo(path, createCatalog(fs, path, clusterId, fill));`,
    tests: ['libs/catalog/src/catalog-files.test.ts'],
    letsThrough: 'a kill while the new one is made brings the old one back, without its doubt',
  },
  {
    name: 'catalog: SQLite syncs its checkpoint',
    file: 'libs/catalog/src/catalog-source.ts',
    find: 'synchronous = NORMAL',
    replace: 'synchronous = OFF',
    tests: [OPEN],
    letsThrough: 'a checkpoint of the catalog is only in the page cache when the power goes',
  },
  {
    name: 'catalog: every page is looked at when it is opened',
    file: 'libs/catalog/src/open-catalog.ts',
    find: 'assertSound(source);',
    replace: 'void assertSound;',
    tests: ['test/store/boot.test.ts'],
    testNames: 'pages have rotted',
    letsThrough: 'a rotten page is met in the middle of a batch',
  },
  {
    name: 'catalog: a stranger’s file is not touched',
    file: 'libs/catalog/src/catalog-file.ts',
    find: 'if (isOurs(header) || isZero(header)) return true;',
    replace: 'if (header.length > 0 || isOurs(header) || isZero(header)) return true;',
    tests: [OPEN],
    letsThrough: 'a database of somebody else gets our tables, or is moved away',
  },
  {
    name: 'catalog: a damaged one is set aside with its log',
    file: 'libs/catalog/src/open-catalog.ts',
    find: 'await fs.rename(`${path}${companion}`, `${asidePath}${companion}`);',
    replace: 'void asidePath;',
    tests: [OPEN],
    letsThrough: 'the log of the damaged catalog is replayed into the new one',
  },
];
