// Apply and the checkpoint: what a durable record does, in which order, and when the log may forget it.
import type { Mutant } from './mutant.js';

const APPLIER = 'libs/apply/src/applier.test.ts';
const PREFIX = 'libs/apply/src/prefix.test.ts';
const CHECKPOINTER = 'libs/apply/src/checkpointer.test.ts';
const APPLIED = 'libs/stores/src/applied-objects.test.ts';
const CATALOG = 'libs/catalog/src/catalog.test.ts';

const CHECKPOINT: readonly Mutant[] = [
  {
    name: 'checkpoint: the primary is flushed',
    file: 'libs/apply/src/checkpointer.ts',
    find: 'if (isNeeded) await this.#flush();',
    replace: '',
    tests: [CHECKPOINTER],
    letsThrough: 'the log forgets a manifest that no disk has',
  },
  {
    name: 'checkpoint: the catalog is made durable',
    file: 'libs/apply/src/checkpointer.ts',
    find: '      await this.#makeCatalogDurable();\n',
    replace: '',
    tests: [CHECKPOINTER],
    letsThrough: 'after a power cut the catalog is behind the start of the log, and is built anew',
  },
  {
    name: 'checkpoint: the flush comes before the record',
    file: 'libs/apply/src/checkpointer.ts',
    find: '    if (isNeeded) await this.#flush();\n    try {',
    replace:
      '    if (isNeeded) await wal.checkpoint(checkpointLsn);\n    if (isNeeded) await this.#flush();\n    try {',
    tests: [CHECKPOINTER],
    letsThrough: 'a power cut between the two: the log has forgotten what no disk has',
  },
  {
    name: 'checkpoint: the catalog is durable before the record',
    file: 'libs/apply/src/checkpointer.ts',
    find: '      await this.#makeCatalogDurable();\n      await wal.checkpoint(checkpointLsn);',
    replace: '      await wal.checkpoint(checkpointLsn);\n      await this.#makeCatalogDurable();',
    tests: [CHECKPOINTER],
    letsThrough: 'segments are gone although the catalog could not be made durable',
  },
  {
    name: 'checkpoint: stands for what was applied before the flush',
    file: 'libs/apply/src/checkpointer.ts',
    find: 'await wal.checkpoint(checkpointLsn);',
    replace: 'await wal.checkpoint(applier.appliedLsn);',
    tests: [CHECKPOINTER],
    letsThrough: 'the log forgets what was applied while the flush was under way',
  },
  {
    name: 'checkpoint: a failed flush is final',
    file: 'libs/apply/src/checkpointer.ts',
    find: 'this.#failure = error instanceof Error ? error : new Error(String(error));',
    replace: '',
    tests: [CHECKPOINTER],
    letsThrough: 'the second flush says yes to pages that Linux has dropped, and the log forgets them',
  },
  {
    name: 'checkpoint: none is taken after a failed flush',
    file: 'libs/apply/src/checkpointer.ts',
    find: 'if (this.#failure !== undefined) throw this.#failure;',
    replace: '',
    tests: [CHECKPOINTER],
    letsThrough: 'the second flush says yes to pages that Linux has dropped, and the log forgets them',
  },
  {
    name: 'checkpoint: a failed sync of the catalog is final',
    file: 'libs/apply/src/checkpointer.ts',
    find: 'if (catalog.inDoubt) {',
    replace: "if (catalog.inDoubt && error === 'never') {",
    tests: [CHECKPOINTER],
    letsThrough: 'a power cut during the next checkpoint leaves a catalog of two ages, which looks sound',
  },
  {
    name: 'checkpoint: the next boot is told of a failed sync of the catalog',
    file: 'libs/apply/src/checkpointer.ts',
    find: 'await doubtCatalog().catch(',
    replace: 'await Promise.resolve().catch(',
    tests: [CHECKPOINTER],
    letsThrough: 'the next process checkpoints from a log of SQLite that no disk has, and the power goes',
  },
  {
    name: 'checkpoint: not taken for its own record',
    file: 'libs/apply/src/applier.ts',
    find: "recordTypeOf(frame) !== 'checkpoint'",
    replace: "recordTypeOf(frame) !== ('none' as string)",
    tests: [CHECKPOINTER],
    letsThrough: 'an idle server writes checkpoints of checkpoints for ever',
  },
];

const FLUSH: readonly Mutant[] = [
  {
    name: 'flush: every file is synced',
    file: 'libs/stores/src/applied-objects.ts',
    find: 'await file.dataSync();',
    replace: '',
    tests: [APPLIED],
    letsThrough: 'the checkpoint covers a manifest whose bytes are not on the disk',
  },
  {
    name: 'flush: every directory is synced',
    file: 'libs/stores/src/applied-objects.ts',
    find: '(path) => this.#fs.syncDirectory(path)',
    replace: 'async (path) => void path',
    tests: [APPLIED],
    letsThrough: 'the checkpoint covers a manifest whose name is not on the disk',
  },
  {
    name: 'flush: many files are synced with their file system',
    file: 'libs/stores/src/applied-objects.ts',
    find: 'await this.#fs.syncFileSystem(this.#root);',
    replace: '',
    tests: [APPLIED],
    letsThrough: 'the checkpoint of a busy server covers what is on no disk',
  },
  {
    name: 'flush: a write is noted after it',
    file: 'libs/stores/src/applied-objects.ts',
    find: '    await this.#fs.replaceFiles(files, this.#store.temporaryPath());\n    this.#note(files);',
    replace: '    this.#note(files);\n    await this.#fs.replaceFiles(files, this.#store.temporaryPath());',
    tests: [APPLIED],
    letsThrough: 'a flush between note and write takes the note and misses the write',
  },
  {
    name: 'flush: a removal is noted after it',
    file: 'libs/stores/src/applied-objects.ts',
    find: `    const directories = await this.#deleted.take(file);
    this.#files.delete(path);
    for (const directory of directories) this.#directories.add(directory);`,
    replace: `    for (const kind of ['manifests', 'deleted']) this.#directories.add(\`\${this.#root}/\${kind}/\${file.fileId.slice(-2)}\`);
    await this.#deleted.take(file);
    this.#files.delete(path);`,
    tests: [APPLIED],
    letsThrough: 'a flush between note and removal takes the note and misses the removal',
  },
  {
    name: 'flush: a removal is noted',
    file: 'libs/stores/src/applied-objects.ts',
    find: 'for (const directory of directories) this.#directories.add(directory);',
    replace: 'void directories;',
    tests: [APPLIED],
    letsThrough: 'a deleted file comes back after a power cut, and its delete is forgotten',
  },
  {
    name: 'flush: only a file that is gone is passed over',
    file: 'libs/stores/src/applied-objects.ts',
    find: "      if (systemErrorCode(error) === 'ENOENT') return;\n      throw error;",
    replace: '      if (error !== undefined) return;\n      throw error;',
    tests: [APPLIED],
    letsThrough: 'a disk that fails counts as flushed',
  },
  {
    name: 'flush: a failed one is doubted by the next process',
    file: 'libs/stores/src/applied-objects.ts',
    find: 'await this.#raiseDoubt();',
    replace: '',
    tests: [APPLIED],
    letsThrough: 'a name whose sync failed is shown, believed and lost with the next power cut',
  },
  {
    name: 'flush: a doubted file is replaced, not refreshed',
    file: 'libs/stores/src/applied-objects.ts',
    find: "this.#doubt === 'none' ? ",
    replace: 'this.#root.length > 0 ? ',
    tests: [APPLIED],
    letsThrough: 'a name whose sync failed is shown, believed and lost with the next power cut',
  },
];

const ORDER: readonly Mutant[] = [
  {
    name: 'apply: the tombstone before the removal of the manifest',
    file: 'libs/apply/src/apply-batch.ts',
    find: `      await applied.write({ kind: 'tombstone', id: effect.fileId }, effect.frame.bytes);
      await applied.retire(effect);`,
    replace: `      await applied.retire(effect);
      await applied.write({ kind: 'tombstone', id: effect.fileId }, effect.frame.bytes);`,
    tests: [APPLIER],
    letsThrough: 'a moment at which a file is neither there nor known to be deleted',
  },
  {
    name: 'apply: a delete removes the manifest',
    file: 'libs/apply/src/apply-batch.ts',
    find: 'await applied.retire(effect);',
    replace: '',
    tests: [APPLIER],
    letsThrough: 'a deleted file comes back when the catalog is built anew',
  },
  {
    name: 'apply: a put before a delete is written before it',
    file: 'libs/apply/src/apply-batch.ts',
    find: "    if (effect.kind === 'delete') {\n      await writeManifests();",
    replace: "    if (effect.kind === 'delete') {",
    tests: [PREFIX, APPLIER],
    letsThrough: 'the manifest of a file that was put and deleted in one batch comes back behind its tombstone',
  },
  {
    name: 'apply: the primary before the catalog',
    file: 'libs/apply/src/apply-batch.ts',
    find: '  await applyToPrimary(primary.applied, batch.effects, occasion);\n  return',
    replace:
      '  setImmediate(() => void applyToPrimary(primary.applied, batch.effects, occasion).catch(() => undefined));\n  return',
    tests: [APPLIER],
    letsThrough: 'the catalog shows a file that the primary does not have',
  },
  {
    name: 'apply: the applied LSN is in the transaction',
    file: 'libs/catalog/src/catalog.ts',
    find: 'this.#statements.setApplied.run(logId, appliedLsn);\n  }',
    replace: 'queueMicrotask(() => this.#statements.setApplied.run(logId, appliedLsn));\n  }',
    tests: [CATALOG, APPLIER],
    letsThrough: 'a kill between the two: obligations are given twice, or the catalog says that it has what it has not',
  },
  {
    name: 'apply: a batch is one transaction',
    file: 'libs/catalog/src/catalog.ts',
    find: 'this.#applyInTransaction(batch);',
    replace: 'this.#applyChanges(batch);',
    tests: [CATALOG],
    letsThrough: 'a kill leaves half a batch',
  },
  {
    name: 'apply: a repeated record gives no obligation twice',
    file: 'libs/apply/src/apply-batch.ts',
    find: 'if (last.lsn <= applied) return;',
    replace: '',
    tests: [APPLIER],
    letsThrough: 'the applied LSN goes back, and every restart gives the same orders again',
  },
  {
    name: 'apply: of a batch only what is new goes into the catalog',
    file: 'libs/apply/src/apply-batch.ts',
    find: ' && frames[index]!.lsn > applied) as',
    replace: ' && frames[index] !== undefined) as',
    tests: [APPLIER, PREFIX],
    letsThrough: 'every restart gives the same orders again',
  },
  {
    name: 'apply: halts at a record that it cannot apply',
    file: 'libs/apply/src/applier.ts',
    find: '        this.#halt(error);',
    replace: '        this.#queue.splice(0, 1);\n        this.#halt(error);',
    tests: [APPLIER],
    letsThrough: 'a record is passed over: the catalog is not the effect of a prefix of the log any more',
  },
  {
    name: 'apply: tells its waiters when it halts',
    file: 'libs/apply/src/applier.ts',
    find: 'for (const { reject, lsn: waited } of this.#waiters.splice(0)) reject(this.#committedButUnapplied(waited));',
    replace: '',
    tests: [APPLIER],
    letsThrough: 'requests hang for as long as the disk is full',
  },
  {
    name: 'apply: is halted for writers',
    file: 'libs/apply/src/applier.ts',
    find: '    this.#haltedBy = error;\n',
    replace: '    void error;\n',
    tests: [APPLIER],
    letsThrough: 'writes go on into a log that nobody applies',
  },
  {
    name: 'apply: goes on when the disk does',
    file: 'libs/apply/src/applier.ts',
    find: 'this.#haltedBy = undefined;',
    replace: '',
    tests: [APPLIER],
    letsThrough: 'writes do not come back without a restart',
  },
  {
    name: 'replay: writes again what stands in the primary',
    file: 'libs/stores/src/applied-objects.ts',
    find: 'const parts = inTwoParts(files)',
    replace: 'if (this.#root.length > 0) return;\n    const parts = inTwoParts(files)',
    tests: [APPLIED],
    letsThrough: 'what only a page cache shows is believed',
  },
  {
    name: 'replay: waits for both parts, whatever becomes of one',
    file: 'libs/stores/src/applied-objects.ts',
    find: 'const outcomes = await Promise.allSettled(parts);',
    replace: 'await Promise.all(parts);\n    const outcomes: PromiseSettledResult<void>[] = [];',
    tests: [APPLIED],
    letsThrough: 'a part still under way writes behind the refusal, into a store whose lock is free',
  },
  {
    name: 'replay: objects of one directory go in one part',
    file: 'libs/stores/src/applied-objects.ts',
    find: 'file.path.charCodeAt(directoryEnd - 1) % 2 === 0',
    replace: '(even.length + odd.length + directoryEnd) % 2 === 0',
    tests: [APPLIED],
    letsThrough: 'two calls use one temporary name, and one gives the other’s bytes its name',
  },
  {
    name: 'replay: ends after what it has begun to write',
    file: 'libs/apply/src/applier.ts',
    find: '      await written.catch(() => undefined);\n    }\n  }',
    replace: '    }\n  }',
    tests: [APPLIER],
    letsThrough: 'a refused start goes on writing into a primary that another process has taken over',
  },
  {
    name: 'apply: what was written ahead ends before a failed batch is tried again',
    file: 'libs/apply/src/applier.ts',
    find: '        await ahead?.catch(() => undefined);\n        ahead = undefined;',
    replace: '        ahead = undefined;',
    tests: [APPLIER],
    letsThrough: 'a manifest put by the later batch appears behind its own delete',
  },
  {
    name: 'apply: a stop waits for what was written ahead',
    file: 'libs/apply/src/applier.ts',
    find: '    // After a stop nothing is written any more.\n    await ahead?.catch(() => undefined);',
    replace: '',
    tests: [APPLIER],
    letsThrough: 'the last checkpoint says that all is durable while a manifest is still being written',
  },
];

export const APPLY: readonly Mutant[] = [...CHECKPOINT, ...FLUSH, ...ORDER];
