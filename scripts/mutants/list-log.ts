// The log while it is written: the commit point, the cut-back, rotation, removal, back-pressure, reading.
import type { Mutant } from './mutant.js';

const CRASH_STATES = 'libs/wal/src/crash-states.test.ts';
const CRASH_POINTS = 'libs/wal/src/crash-points.test.ts';
const LIFE = 'libs/wal/src/write-ahead-log.test.ts';
const RETENTION = 'libs/wal/src/retention.test.ts';
const FULL_DISK = 'libs/wal/src/full-disk.test.ts';
const REFUSALS = 'libs/file-store/src/write-refusals.test.ts';

const COMMIT: readonly Mutant[] = [
  {
    name: 'log: a batch is synced before it is answered',
    file: 'libs/wal/src/active-segment.ts',
    find: 'await this.#barrier();\n    this.#offsetBytes += batch.length;',
    replace: 'this.#offsetBytes += batch.length;',
    tests: [CRASH_STATES, LIFE],
    letsThrough: 'an answered write is only in the page cache when the power goes',
  },
  {
    name: 'log: the barrier is a sync',
    file: 'libs/wal/src/active-segment.ts',
    find: 'await this.#file.dataSync();',
    replace: '',
    tests: [CRASH_STATES, LIFE],
    letsThrough: 'an answered write is only in the page cache when the power goes',
  },
  {
    name: 'log: a batch is answered behind its barrier, not beside it',
    file: 'libs/wal/src/log-writer.ts',
    find: 'await this.#active.commit(bytes);',
    replace: 'void this.#active.commit(bytes).catch(() => undefined);',
    tests: [CRASH_STATES, LIFE],
    letsThrough: 'a 201 leaves while its record is still on its way to the disk',
  },
  {
    name: 'log: apply is told of a batch behind its barrier',
    file: 'libs/wal/src/log-writer.ts',
    find: '    try {\n      await this.#active.commit(bytes);',
    replace: '    this.#context.committed(frames);\n    try {\n      await this.#active.commit(bytes);',
    tests: [LIFE],
    letsThrough: 'a file is shown, and its chunks are given up, although its record never reaches the disk',
  },
  {
    name: 'log: a failed write is cut back',
    file: 'libs/wal/src/active-segment.ts',
    find: 'await this.#cutBack(batch.length);',
    replace: '',
    tests: [LIFE],
    letsThrough: 'a refused write comes back to life at the next start',
  },
  {
    name: 'log: the cut-back is synced',
    file: 'libs/wal/src/active-segment.ts',
    find: '{ cause });\n    }\n    await this.#barrier();\n  }\n\n  async #barrier',
    replace: '{ cause });\n    }\n  }\n\n  async #barrier',
    tests: [LIFE],
    letsThrough: 'a refused write comes back to life after a power cut',
  },
  {
    name: 'log: a write that cannot be cut back poisons',
    file: 'libs/wal/src/active-segment.ts',
    find: "throw new BarrierFailed('a failed write could not be cut back', { cause });",
    replace: "throw new WriteCutBack('not really', { cause });",
    tests: [LIFE],
    letsThrough: 'the log goes on behind bytes of which nobody knows what they are',
  },
  {
    name: 'log: a failed barrier poisons',
    file: 'libs/wal/src/log-writer.ts',
    find: 'this.#poisonBy(error instanceof BarrierFailed ? error.cause : error);',
    replace: '',
    tests: [LIFE],
    letsThrough: 'the next fsync says yes to pages that Linux has already dropped',
  },
  {
    name: 'log: a poisoned log takes no append',
    file: 'libs/wal/src/log-writer.ts',
    find: 'if (this.#poison !== undefined) return Promise.reject(this.#poison);',
    replace: '',
    tests: [LIFE],
    letsThrough: 'the next fsync says yes to pages that Linux has already dropped',
  },
  {
    name: 'log: a failed barrier is an unknown outcome, not a refusal',
    file: 'libs/wal/src/log-writer.ts',
    find: 'reject(outcomeUnknown(frames[index]!, error))',
    replace: 'reject(writeFailed(frames[index]! && error))',
    tests: [LIFE],
    letsThrough: 'a client is told that nothing was stored, uploads again, and has two files',
  },
  {
    name: 'log: a batch never spans segments',
    file: 'libs/wal/src/batch.ts',
    find: 'bytes + lengthBytes > freeBytes || !fitsBatch',
    replace: '!fitsBatch',
    tests: [CRASH_STATES, LIFE],
    letsThrough: 'frames stand behind the end of their segment, where no scan looks for them',
  },
  {
    name: 'log: a frame says that all before its batch is durable',
    file: 'libs/wal/src/batch.ts',
    find: 'durableLsn: position.lastLsn,',
    replace: 'durableLsn: lsn(0),',
    tests: [CRASH_POINTS, 'libs/wal/src/verify-log.test.ts'],
    letsThrough: 'a hole in acknowledged records is taken for a torn tail and set aside',
  },
  {
    name: 'log: a frame does not say that itself is durable',
    file: 'libs/wal/src/batch.ts',
    find: 'durableLsn: position.lastLsn,',
    replace: 'durableLsn: lsn(position.lastLsn + frames.length + 1),',
    tests: [CRASH_STATES, CRASH_POINTS],
    letsThrough: 'a batch that a power cut tore is called corruption, and the server does not start',
  },
  {
    name: 'log: a batch is chained frame to frame',
    file: 'libs/wal/src/batch.ts',
    find: 'prev = frame.checksum;',
    replace: '',
    tests: [LIFE, CRASH_STATES],
    letsThrough: 'the order of records is not proven',
  },
  {
    name: 'log: the next batch is chained to the last one',
    file: 'libs/wal/src/log-writer.ts',
    find: 'lastChecksum: last.checksum',
    replace: 'lastChecksum: this.#position.lastChecksum',
    tests: [LIFE],
    letsThrough: 'the order of records is not proven',
  },
];

const ROTATION: readonly Mutant[] = [
  {
    name: 'rotation: the zeros are synced ahead',
    file: 'libs/wal/src/segment-factory.ts',
    find: 'await file.dataSync();',
    replace: '',
    tests: [LIFE],
    letsThrough: 'a rotation syncs a whole segment of zeros while all writers wait',
  },
  {
    name: 'rotation: the header is synced before the name',
    file: 'libs/wal/src/segment-factory.ts',
    find: 'await blank.file.dataSync();',
    replace: '',
    tests: [CRASH_POINTS],
    letsThrough: 'a segment whose name is durable but whose header is not: the server does not start',
  },
  {
    name: 'rotation: the header is written before the name is given',
    file: 'libs/wal/src/segment-factory.ts',
    find: `    await blank.file.write(encodeSegmentHeader(header), 0);
    await blank.file.dataSync();
    await this.#fs.rename(this.#temporaryPath(), path);`,
    replace: `    await this.#fs.rename(this.#temporaryPath(), path);
    await blank.file.write(encodeSegmentHeader(header), 0);
    await blank.file.dataSync();`,
    tests: [CRASH_POINTS],
    letsThrough: 'a segment whose name is durable but whose header is not: the server does not start',
  },
  {
    name: 'rotation: the directory is synced before the first append',
    file: 'libs/wal/src/segment-factory.ts',
    find: 'await this.#fs.syncDirectory(this.#layout.segments);',
    replace: '',
    tests: [CRASH_STATES],
    letsThrough: 'acknowledged records stand in a file whose name is gone after a power cut',
  },
  {
    name: 'rotation: one that failed behind the rename poisons',
    file: 'libs/wal/src/log-writer.ts',
    find: '      this.#poisonBy(cause);\n      return false;',
    replace: '      for (const { reject } of this.#queue.splice(0)) reject(writeFailed(cause));\n      return false;',
    tests: [LIFE],
    letsThrough: 'the log goes on in one of two segments, and the next start chooses the other',
  },
  {
    name: 'rotation: a full disk poisons nothing',
    file: 'libs/wal/src/log-writer.ts',
    find: 'for (const { reject } of this.#queue.splice(0)) reject(writeFailed(cause));',
    replace: 'this.#poisonBy(cause);',
    tests: [LIFE, FULL_DISK],
    letsThrough: 'writes do not come back when there is room again',
  },
  {
    name: 'rotation: a segment has room for the record that needs it',
    file: 'libs/wal/src/segment-factory.ts',
    find: 'Math.max(this.#segmentSizeBytes, SEGMENT_HEADER_BYTES + roomBytes)',
    replace: 'this.#segmentSizeBytes + 0 * roomBytes',
    tests: [LIFE],
    letsThrough: 'a large record turns the log over and over, and is never written',
    hangs: true,
  },
];

const REMOVAL: readonly Mutant[] = [
  {
    name: 'removal: segments go oldest first',
    file: 'libs/wal/src/segment-list.ts',
    find: 'const oldest = this.#sealed[0];',
    replace: 'const oldest = this.#sealed.findLast(({ lastLsn }) => lastLsn <= through);',
    tests: [RETENTION, LIFE],
    letsThrough: 'a gap in the middle of what is kept',
  },
  {
    name: 'removal: only segments wholly at or below the checkpoint go',
    file: 'libs/wal/src/segment-list.ts',
    find: 'oldest.lastLsn <= through ? oldest',
    replace: 'oldest.firstLsn <= through ? oldest',
    tests: [LIFE, RETENTION],
    letsThrough: 'records above the checkpoint are removed with their segment',
  },
  {
    name: 'removal: the record of the checkpoint is committed before',
    file: 'libs/wal/src/write-ahead-log.ts',
    find: `    await this.#writer.append(checkpointDraft({ checkpointLsn }));
    this.#checkpointLsn = checkpointLsn;
    await this.removeSegments();`,
    replace: `    this.#checkpointLsn = checkpointLsn;
    await this.removeSegments();
    await this.#writer.append(checkpointDraft({ checkpointLsn }));`,
    tests: [CRASH_STATES],
    letsThrough: 'segments are gone and no checkpoint says why: the log lacks records and does not open',
  },
  {
    name: 'removal: the directory is synced',
    file: 'libs/wal/src/write-ahead-log.ts',
    find: 'await this.#fs.syncDirectory(this.#layout.segments);',
    replace: '',
    tests: [LIFE, CRASH_STATES],
    letsThrough: 'removed segments come back after a power cut, in any combination',
  },
  {
    name: 'removal: one at a time',
    file: 'libs/wal/src/write-ahead-log.ts',
    find: 'this.#removing.then(() => this.#removeUseless())',
    replace: 'this.#removeUseless()',
    tests: [RETENTION],
    letsThrough: 'two removals of one segment: the second fails, and with it a checkpoint that had succeeded',
  },
  {
    name: 'retention: as many are kept as the setting says',
    file: 'libs/wal/src/write-ahead-log.ts',
    find: '> this.#limits.retainSegments',
    replace: '> 0',
    tests: [RETENTION],
    letsThrough: 'nothing is kept to be looked at',
  },
  {
    name: 'retention: kept segments go where the log is over its limit',
    file: 'libs/wal/src/write-ahead-log.ts',
    find: 'return isOneTooMany || this.#isFull() ?',
    replace: 'return isOneTooMany ?',
    tests: [RETENTION],
    letsThrough: 'writers wait, and are refused, for the sake of segments that nobody needs',
  },
  {
    name: 'retention: a writer lets kept segments go before it waits',
    file: 'libs/wal/src/write-ahead-log.ts',
    find: 'await this.removeSegments().catch(() => undefined);',
    replace: '',
    tests: [RETENTION],
    letsThrough: 'writers wait for a checkpoint that has nothing to write down',
  },
];

const PRESSURE: readonly Mutant[] = [
  {
    name: 'pressure: writers wait at the size limit',
    file: 'libs/wal/src/write-ahead-log.ts',
    find: 'this.#isFull()) await this.#waitForRoom();',
    replace: 'false) await this.#waitForRoom();',
    tests: [LIFE],
    letsThrough: 'the log grows until the disk is full',
  },
  {
    name: 'pressure: a wait ends with log_full',
    file: 'libs/wal/src/write-ahead-log.ts',
    find: 'if (leftMs <= 0) {',
    replace: 'if (leftMs <= Number.NEGATIVE_INFINITY) {',
    tests: [LIFE],
    letsThrough: 'requests pile up behind a checkpoint that cannot succeed',
    hangs: true,
  },
  {
    name: 'pressure: a waiting writer asks again',
    file: 'libs/wal/src/write-ahead-log.ts',
    find: 'Math.min(leftMs, ASK_AGAIN_MS)',
    replace: 'leftMs',
    tests: [LIFE],
    letsThrough: 'a checkpoint chosen too early makes no room, and the writer waits out its time for nothing',
  },
  {
    name: 'pressure: a checkpoint is taken at the size limit',
    file: 'libs/wal/src/write-ahead-log.ts',
    find: 'await this.#writer.append(checkpointDraft(',
    replace: 'await this.append(checkpointDraft(',
    tests: [LIFE],
    letsThrough: 'the one thing that makes room waits for room',
  },
  {
    name: 'pressure: a delete is taken at the size limit',
    file: 'libs/wal/src/write-ahead-log.ts',
    find: "draft.type !== 'file_delete' && ",
    replace: '',
    tests: [REFUSALS],
    letsThrough: 'a full installation refuses the deletes that would empty it',
  },
  {
    name: 'pressure: the active segment alone is never too much',
    file: 'libs/wal/src/write-ahead-log.ts',
    find: 'if (this.#segments.sealed.length === 0) return false;',
    replace: '',
    tests: [LIFE],
    letsThrough: 'one large record closes the log to writes until a restart',
  },
];

const READING: readonly Mutant[] = [
  {
    name: 'reading: goes on where a checkpoint took a segment',
    file: 'libs/wal/src/write-ahead-log.ts',
    find: 'lastLsn <= this.#checkpointLsn;',
    replace: 'lastLsn < 0;',
    tests: [RETENTION],
    letsThrough: 'a reader of the log gets a 500 whenever a checkpoint overtakes it',
  },
  {
    name: 'reading: a segment that is gone without a checkpoint is told',
    file: 'libs/wal/src/log-reader.ts',
    find: "=== 'ENOENT' && mayGo(segment)",
    replace: "=== 'ENOENT'",
    tests: [RETENTION],
    letsThrough: 'records that were lost from the disk of a running server are passed over in silence',
  },
  {
    name: 'reading: only committed records',
    file: 'libs/wal/src/log-reader.ts',
    find: 'expected <= Math.min(segment.lastLsn, through)',
    replace: 'expected <= Math.max(segment.lastLsn, through) + 1',
    tests: [LIFE],
    letsThrough: 'a record whose barrier failed is shown',
  },
];

export const LOG: readonly Mutant[] = [...COMMIT, ...ROTATION, ...REMOVAL, ...PRESSURE, ...READING];
