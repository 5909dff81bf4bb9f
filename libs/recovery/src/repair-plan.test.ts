/** What a repair plans, and what it dares to say, from facts alone. */
import { lsn, newFileId, newUuid, StoreError } from '#libs/kernel';
import type { FileId, LogId } from '#libs/kernel';
import type { Damage, LogSurvey, SurveyedRecord } from '#libs/wal';
import { describe, expect, it } from 'vitest';
import { planRepair } from './repair-plan.js';
import type { RepairFacts, RepairPlan, StandingChange } from './repair-plan.js';

const [A, B, C] = [newFileId(1), newFileId(2), newFileId(3)] as [FileId, FileId, FileId];

type RecordPart = Partial<SurveyedRecord> & Pick<SurveyedRecord, 'type'>;

const put = (fileId: FileId, fileName = 'name'): RecordPart => ({ type: 'file_put', fileId, fileName });
const del = (fileId: FileId): RecordPart => ({ type: 'file_delete', fileId });
const begin = (fileId: FileId): RecordPart => ({ type: 'upload_begin', fileId });

function recordAt(at: number, part: RecordPart): SurveyedRecord {
  return {
    path: '/wal/segments/1',
    offsetBytes: at * 100,
    lengthBytes: 100,
    lsn: lsn(at),
    durableLsn: lsn(at - 1),
    checksum: '00000000',
    fileId: undefined,
    fileName: undefined,
    checkpointLsn: undefined,
    ...part,
  };
}

function standing(at: number, kind: 'put' | 'delete', fileId: FileId): StandingChange {
  return { kind, fileId, fileName: kind === 'put' ? 'name' : undefined, lsn: lsn(at) };
}

interface Parts extends Partial<RepairFacts> {
  /** Records of the log by LSN. */
  readonly log?: Readonly<Record<number, RecordPart>>;
  readonly checkpoint?: number;
  readonly durable?: number;
  readonly damages?: readonly Partial<Damage>[];
}

function plan({ log = {}, checkpoint = 0, durable, damages = [], ...facts }: Parts): RepairPlan {
  const records = Object.entries(log).map(([at, part]) => recordAt(Number(at), part));
  const lastLsn = records.at(-1)?.lsn ?? lsn(0);
  const segment = { records, damages, lastLsn, firstLsn: lsn(1) };
  const survey = {
    segments: [segment],
    checkpointLsn: lsn(checkpoint),
    durableLsn: lsn(durable ?? Math.max(checkpoint, lastLsn - 1)),
  } as unknown as LogSurvey;
  return planRepair({
    refusal: new StoreError('log_corrupt', 'Why.'),
    logId: newUuid<LogId>(),
    survey,
    standing: [],
    tombstoned: new Set(),
    stored: new Set(),
    cataloged: [],
    deletedInCatalog: new Map(),
    provenLsn: lsn(0),
    highestStoredLsn: lsn(0),
    ...facts,
  });
}

const ranges = ({ lost }: RepairPlan): unknown[] =>
  lost.map(({ firstLsn, lastLsn, count, durable }) => [firstLsn, lastLsn, count, durable]);

const steps = ({ salvage }: RepairPlan): unknown[] =>
  salvage.map(({ lsn: at, kind, fileId, record }) => [at, kind, fileId, record === undefined ? 'primary' : 'log']);

const fates = ({ files }: RepairPlan): unknown[] => files.map(({ fate, fileId }) => [fate, fileId]);

describe('the records that cannot be read', () => {
  it('are the gaps between those that can', () => {
    expect(ranges(plan({ log: { 1: put(A), 4: put(B), 6: put(C) } }))).toEqual([
      [2, 3, 'exact', 'proven'],
      [5, 5, 'exact', 'proven'],
    ]);
  });

  it('do not include what the checkpoint has made needless', () => {
    expect(ranges(plan({ log: { 2: put(A), 7: put(B) }, checkpoint: 5 }))).toEqual([[6, 6, 'exact', 'proven']]);
  });

  it('may never have been acknowledged above all durable evidence', () => {
    const planned = plan({ log: { 1: put(A), 6: put(B) }, durable: 3 });
    expect(ranges(planned)).toEqual([
      [2, 3, 'exact', 'proven'],
      [4, 5, 'exact', 'possible'],
    ]);
  });

  it('reach to what the catalog or the primary proves', () => {
    const planned = plan({ log: { 1: put(A) }, provenLsn: lsn(4) });
    expect(ranges(planned)).toEqual([[2, 4, 'exact', 'proven']]);
    expect(planned.nextLsn).toBe(5);
  });

  it('cannot be counted behind the last one that can', () => {
    const damages = [{ afterLsn: lsn(2), offsetBytes: 1000, endBytes: 1000 + 3 * 64 + 8 }];
    const planned = plan({ log: { 1: put(A), 2: put(B) }, damages });
    expect(ranges(planned)).toEqual([[3, 5, 'at_most', 'possible']]);
    expect(planned.nextLsn).toBe(6);
  });

  it('are counted in no time where an old copy of a long log stands', () => {
    const planned = plan({ log: { 1: put(A) }, provenLsn: lsn(2 ** 52) });
    expect(ranges(planned)).toEqual([[2, 2 ** 52, 'exact', 'proven']]);
  });
});

describe('the salvage', () => {
  it('takes every readable change above the checkpoint, in LSN order', () => {
    const planned = plan({ log: { 2: put(A), 4: begin(B), 5: put(B), 7: del(C) }, checkpoint: 3 });
    expect(steps(planned)).toEqual([
      [5, 'put', B, 'log'],
      [7, 'delete', C, 'log'],
    ]);
  });

  it('writes again what stands on the primary and not in the log, because no disk is known to have it', () => {
    const planned = plan({ log: { 1: put(A), 4: put(C) }, standing: [standing(1, 'put', A), standing(2, 'put', B)] });
    expect(steps(planned)).toEqual([
      [1, 'put', A, 'log'],
      [2, 'put', B, 'primary'],
      [4, 'put', C, 'log'],
    ]);
  });

  it.each<[string, Parts]>([
    ['a later record', { log: { 1: put(A), 3: del(A) } }],
    [
      'a tombstone whose record cannot be read',
      { log: { 1: put(A), 3: put(C) }, standing: [standing(2, 'delete', A)] },
    ],
    ['a tombstone from below the checkpoint', { log: { 1: put(A), 3: put(C) }, tombstoned: new Set([A]) }],
  ])('does not bring back a file deleted by %s', (_how, parts) => {
    expect(plan(parts).salvage.filter(({ kind, fileId }) => kind === 'put' && fileId === A)).toEqual([]);
  });

  it('begins the new log above every LSN that a store or a catalog ever had', () => {
    expect(plan({ log: { 1: put(A) }, highestStoredLsn: lsn(90) }).nextLsn).toBe(91);
  });
});

describe('a file that the damage touches', () => {
  it('is kept where it stands whole on the primary', () => {
    const planned = plan({ log: { 1: put(A), 3: put(C) }, standing: [standing(2, 'put', B)] });
    expect(planned.files).toEqual([{ fate: 'kept', fileId: B, fileName: 'name', lsn: 2 }]);
    expect(planned.untracedRecords).toBe(0);
  });

  it('stays deleted where its tombstone stands', () => {
    expect(fates(plan({ log: { 1: put(A), 3: put(C) }, standing: [standing(2, 'delete', B)] }))).toEqual([
      ['kept_deleted', B],
    ]);
  });

  it('is lost where only the catalog knows it', () => {
    const planned = plan({ log: { 1: put(A), 3: put(C) }, cataloged: [{ fileId: B, fileName: 'b', lsn: lsn(2) }] });
    expect(planned.files).toEqual([{ fate: 'lost', fileId: B, fileName: 'b', lsn: 2 }]);
    expect(planned.untracedRecords).toBe(0);
  });

  it('is not called lost where its record can be read', () => {
    const planned = plan({ log: { 1: put(A), 3: put(C) }, cataloged: [{ fileId: A, fileName: 'a', lsn: lsn(1) }] });
    expect(planned.files).toEqual([]);
    expect(planned.untracedRecords).toBe(1);
  });

  it('is unknown where only its beginning can be read', () => {
    expect(fates(plan({ log: { 1: begin(A), 3: put(C) } }))).toEqual([['unknown', A]]);
  });

  it.each<[string, Parts]>([
    ['its record can be read', { log: { 1: begin(A), 3: put(A) } }],
    ['it was deleted later', { log: { 1: begin(A), 3: del(A) } }],
    ['its manifest stands from below the checkpoint', { log: { 1: begin(A), 3: put(C) }, stored: new Set([A]) }],
    ['nothing is missing behind its beginning', { log: { 2: begin(A), 3: put(C) } }],
  ])('is not called unknown where %s', (_why, parts) => {
    expect(fates(plan(parts))).toEqual([]);
  });

  it('comes back where the catalog knows of a delete that nothing else tells of', () => {
    const deletedInCatalog = new Map([[A, 'a']]);
    expect(fates(plan({ log: { 1: put(A), 3: put(C) }, deletedInCatalog }))).toEqual([['undeleted', A]]);
    expect(fates(plan({ log: { 1: put(A), 3: del(A), 4: put(C) }, deletedInCatalog }))).toEqual([]);
  });
});
