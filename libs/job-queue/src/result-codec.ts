/** A result on its way through Redis: snake_case, with the version of its form. */
import type { StoreId } from '#libs/kernel';
import { jobIdIn, OPERATIONS } from './job-codec.js';
import { JOB_VERSION, MAX_JOB_ITEMS } from './job.js';
import type { ItemOutcome, ItemResult, JobError, JobResult } from './job.js';
import { fileIdIn, integerIn, listIn, objectOf, textIn, uuidIn, wordIn, WireError } from './wire-value.js';
import type { WireObject } from './wire-value.js';

const OUTCOMES: readonly ItemOutcome[] = ['done', 'superseded', 'failed'];
/** Of a message in a result; the worker's log has all of it. */
const MAX_MESSAGE_LENGTH = 300;
const MAX_CODE_LENGTH = 64;

export function encodeResult(result: JobResult): object {
  const { storeError, lostWrite } = result;
  return {
    v: JOB_VERSION,
    job_id: result.jobId,
    catalog_id: result.catalogId,
    op: result.operation,
    source_id: result.sourceId,
    target_id: result.targetId,
    items: result.items.map(({ fileId, generation, outcome, error }) => ({
      file_id: fileId,
      generation,
      outcome,
      ...(error === undefined ? {} : { error: encodeError(error) }),
    })),
    ...(storeError === undefined ? {} : { store_error: { ...encodeError(storeError), store_id: storeError.storeId } }),
    ...(lostWrite === undefined ? {} : { lost_write: encodeError(lostWrite) }),
    finished_at: Math.round(result.finishedAtMs),
    duration: Math.max(0, Math.round(result.durationMs)),
  };
}

/** Throws `WireError`. */
export function decodeResult(value: unknown): JobResult {
  const json = objectOf(value, 'the result');
  if (json['v'] !== JOB_VERSION) throw new WireError('v is no version of a result');
  const lostWrite = json['lost_write'];
  const result = {
    jobId: jobIdIn(json),
    catalogId: uuidIn<JobResult['catalogId']>(json, 'catalog_id'),
    operation: wordIn(json, 'op', OPERATIONS),
    sourceId: uuidIn<StoreId>(json, 'source_id'),
    targetId: uuidIn<StoreId>(json, 'target_id'),
    items: listIn(json, 'items', MAX_JOB_ITEMS).map((item) => decodeItem(item)),
    finishedAtMs: integerIn(json, 'finished_at'),
    durationMs: integerIn(json, 'duration'),
    ...(lostWrite === undefined ? {} : { lostWrite: decodeError(objectOf(lostWrite, 'lost_write')) }),
  };
  if (json['store_error'] === undefined) return result;
  const storeError = objectOf(json['store_error'], 'store_error');
  return { ...result, storeError: { ...decodeError(storeError), storeId: uuidIn<StoreId>(storeError, 'store_id') } };
}

function decodeItem(value: unknown): ItemResult {
  const json = objectOf(value, 'an item');
  const outcome = wordIn(json, 'outcome', OUTCOMES);
  const item = { fileId: fileIdIn(json, 'file_id'), generation: integerIn(json, 'generation'), outcome };
  return json['error'] === undefined ? item : { ...item, error: decodeError(objectOf(json['error'], 'error')) };
}

function encodeError({ code, message }: JobError): JobError {
  return { code: code.slice(0, MAX_CODE_LENGTH), message: message.slice(0, MAX_MESSAGE_LENGTH) };
}

function decodeError(json: WireObject): JobError {
  return { code: textIn(json, 'code', MAX_CODE_LENGTH), message: textIn(json, 'message', MAX_MESSAGE_LENGTH) };
}
