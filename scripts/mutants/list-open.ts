// Opening a log: the torn tail, the rewrite of the active segment, what is set aside, a full disk.
import type { Mutant } from './mutant.js';

const CRASH_STATES = 'libs/wal/src/crash-states.test.ts';
const CRASH_POINTS = 'libs/wal/src/crash-points.test.ts';
const EVIDENCE = 'libs/wal/src/evidence.test.ts';
const VERIFY = 'libs/wal/src/verify-log.test.ts';
const FULL_DISK = 'libs/wal/src/full-disk.test.ts';
const UNREADABLE = 'libs/wal/src/unreadable-segment.test.ts';
const BOOT_FULL_DISK = 'libs/recovery/src/disk-full.test.ts';

export const OPEN: readonly Mutant[] = [
  {
    name: 'open: the active segment is rewritten',
    file: 'libs/wal/src/rewrite-active.ts',
    find: '    return await rewrite(fs, layout, scan, { framesEndBytes, sizeBytes: scan.sizeBytes });',
    replace: '    return { file: await fs.openWrite(scan.path), sizeBytes: scan.sizeBytes };',
    tests: [CRASH_STATES],
    letsThrough: 'what a page cache showed after a failed fsync is replayed, and gone after the next power cut',
  },
  {
    name: 'open: the rewritten segment is synced before it takes the name',
    file: 'libs/wal/src/rewrite-active.ts',
    find: 'await file.dataSync();',
    replace: '',
    tests: [CRASH_STATES],
    letsThrough: 'the name is durable and the records are not: the log has lost its last segment',
  },
  {
    name: 'open: the name of the rewritten segment is synced',
    file: 'libs/wal/src/rewrite-active.ts',
    find: 'await fs.syncDirectory(layout.segments);',
    replace: '',
    tests: [CRASH_STATES],
    letsThrough: 'after a power cut the old file is back, without what was acknowledged since',
  },
  {
    name: 'open: the rewrite takes the verified frames alone',
    file: 'libs/wal/src/rewrite-active.ts',
    find: 'Math.max(scan.tail.offsetBytes, SEGMENT_HEADER_BYTES)',
    replace: 'Math.max(scan.tail.lastWrittenBytes, SEGMENT_HEADER_BYTES)',
    tests: [CRASH_POINTS],
    letsThrough: 'frames behind a hole are read again when the hole is written over',
  },
  {
    name: 'open: a torn tail is set aside',
    file: 'libs/wal/src/open-log.ts',
    find: "verified.tail === 'torn' ? await",
    replace: "verified.tail === ('none' as string) ? await",
    tests: [VERIFY],
    letsThrough: 'bytes that nobody can explain are deleted without a trace',
  },
  {
    name: 'open: the copy of a torn tail is durable before the tail is cut',
    file: 'libs/wal/src/set-aside.ts',
    find: 'await durableReplace(fs, path, bytes);',
    replace: 'await fs.replaceFile(path, bytes, `${path}.tmp`);',
    tests: [VERIFY],
    letsThrough: 'a power cut during the open leaves neither the tail nor its copy',
  },
  {
    name: 'open: the directory of torn tails is durable',
    file: 'libs/wal/src/set-aside.ts',
    find: '      await makeDirectoryDurably(fs, layout.torn);',
    replace: '      await fs.makeDirectory(layout.torn);',
    tests: [VERIFY],
    letsThrough: 'a power cut during the open leaves neither the tail nor its copy',
  },
  {
    name: 'open: appending goes on behind the last verified frame',
    file: 'libs/wal/src/open-log.ts',
    find: 'activeOffsetBytes: scan.tail.offsetBytes,',
    replace: 'activeOffsetBytes: scan.tail.lastWrittenBytes,',
    tests: [VERIFY],
    letsThrough: 'a new record stands behind a gap, where the next start does not look',
  },
  {
    name: 'open: leftovers go behind the rewrite',
    file: 'libs/wal/src/open-log.ts',
    find: '  const { file, sizeBytes } = await rewriteActive(fs, layout, scan);',
    replace:
      '  for (const leftover of verified.leftovers) await fs.unlink(leftover.path);\n  const { file, sizeBytes } = await rewriteActive(fs, layout, { ...scan });\n  verified = { ...verified, leftovers: [] };',
    tests: [EVIDENCE],
    letsThrough: 'segments are gone although the checkpoint that made them useless was never on the disk',
  },
  {
    name: 'open: a segment without a header is moved, not removed',
    file: 'libs/wal/src/set-aside.ts',
    find: 'await fs.rename(path, asidePath);',
    replace: 'await fs.unlink(path);',
    tests: [UNREADABLE],
    letsThrough: 'bytes that nobody can explain are deleted',
  },
  {
    name: 'open: the first segment of a new log is durable',
    file: 'libs/wal/src/open-log.ts',
    find: '  await makeDirectoryDurably(fs, layout.segments);',
    replace: '  await fs.makeDirectory(layout.segments);',
    tests: [CRASH_STATES],
    letsThrough: 'after a power cut the whole log is gone, acknowledged records with it',
  },
  {
    name: 'open: the end mark is never zero',
    file: 'libs/wal/src/open-log.ts',
    find: '  const mark = randomBytes(8);\n  mark[7] = mark[7]! | 1;',
    replace: '  const mark = Buffer.alloc(8);',
    tests: [CRASH_STATES, VERIFY],
    letsThrough: 'unwritten space is taken for the end of a frame',
  },
  {
    name: 'full disk: the log opens with its frames alone',
    file: 'libs/wal/src/rewrite-active.ts',
    find: '    if (!isDiskFull(error)) throw error;\n  }\n  try {',
    replace: '    throw error;\n  }\n  try {',
    tests: [FULL_DISK],
    letsThrough: 'a full disk cannot be started on, so nothing can be deleted either',
  },
  {
    name: 'full disk: a failed rewrite leaves no file behind',
    file: 'libs/wal/src/rewrite-active.ts',
    find: 'await fs.unlink(temporaryPath).catch(() => undefined);',
    replace: '',
    tests: [FULL_DISK],
    letsThrough: 'the half-made file holds the very bytes that are missing',
  },
  {
    name: 'full disk: the open says how much to free',
    file: 'libs/wal/src/rewrite-active.ts',
    find: 'throw logDiskFull(layout, framesEndBytes, cause);',
    replace: 'throw cause;',
    tests: [FULL_DISK],
    letsThrough: 'a start ends with a bare ENOSPC',
  },
  {
    name: 'full disk: a new log says how much to free',
    file: 'libs/wal/src/open-log.ts',
    find: 'throw logDiskFull(layout, options.segmentSizeBytes, cause);',
    replace: 'throw cause;',
    tests: [FULL_DISK],
    letsThrough: 'a start ends with a bare ENOSPC',
  },
  {
    name: 'full disk: a replay says how much to free',
    file: 'libs/recovery/src/disk-full.ts',
    find: 'if (!isDiskFull(cause)) throw cause;',
    replace: 'throw cause;',
    tests: [BOOT_FULL_DISK],
    testNames: 'says of a replay',
    letsThrough: 'a start ends with a bare ENOSPC',
  },
  {
    name: 'full disk: the stores say which of them has no room',
    file: 'libs/recovery/src/disk-full.ts',
    find: 'throw isDiskFull(cause) ? diskFull(place, cause) : cause;',
    replace: 'throw place && cause;',
    tests: [BOOT_FULL_DISK],
    letsThrough: 'a start ends with a bare ENOSPC',
  },
];
