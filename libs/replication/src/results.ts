/**
 * What an answer does to the obligations. It may be late, come twice, be of an order that is not the last, or of a catalog
 * that is not there any more: it closes a row only where catalog, store, generation and want agree, and the rest of it is
 * dropped in silence, because what is owed is still in the catalog and is handed out again.
 *
 *   outcome      the row is
 *   done         closed
 *   superseded   left, and looked at again a little later: the delete that it speaks of is logged, and its own order is in
 *                the catalog or about to be. Of a repair of the primary, which no delete orders: closed when the file is gone
 *   failed       put off, further at each attempt; left, where the file is in flight with another job by now, or with none:
 *                a job that was forgotten, or is answered twice, says nothing of the one that is under way
 *   unjudged     left as it is: the store failed, and its breaker says when it is tried again (doubted-files.ts)
 */
import type { Catalog, Closing, Obligation, Postponement } from '#libs/catalog';
import type { ItemResult, JobError, JobResult } from '#libs/job-queue';
import type { FileId, StoreId } from '#libs/kernel';
import type { Unjudged } from './doubted-files.js';
import { retryAfter } from './retry.js';

export interface ResultContext {
  readonly catalog: Catalog;
  /** The primary. */
  readonly primaryId: StoreId;
  readonly nowMs: number;
  readonly random: () => number;
  /** Whether the file is in flight with the job that is answered. */
  readonly isAwaited: (fileId: FileId) => boolean;
}

export interface Settlement {
  readonly closed: readonly Closing[];
  /** The first error of a file, where the store was not at fault. */
  readonly itemError: JobError | undefined;
  /** Failed together, for a reason that speaks of none of them. */
  readonly unexplained: readonly FileId[];
  /** Failed with their store. */
  readonly unjudged: readonly Unjudged[];
  /** Files of which the primary gave nothing that verifies. */
  readonly damagedAtSource: readonly FileId[];
}

/** Errors that are about the one file that has them. */
const OWN_FAILURES = new Set([
  'chunk_missing',
  'chunk_corrupt',
  'manifest_missing',
  'manifest_corrupt',
  'future_format',
  'store_write_failed',
]);
const SOURCE_DAMAGE = new Set(['chunk_missing', 'chunk_corrupt', 'manifest_missing', 'manifest_corrupt']);

/** Throws what the catalog throws; the answer is then delivered again. */
export function settleResult(result: JobResult, context: ResultContext): Settlement | undefined {
  const { catalog, primaryId, nowMs } = context;
  if (result.catalogId !== catalog.catalogId) return undefined;
  const closings: Closing[] = [];
  const postponements: Postponement[] = [];
  const damagedAtSource: FileId[] = [];
  const unexplained: FileId[] = [];
  const unjudged: Unjudged[] = [];
  let itemError: JobError | undefined;
  for (const item of result.items) {
    const order = orderOf(result, item);
    const isJudged = item.outcome !== 'failed' || result.storeError === undefined;
    if (item.outcome === 'done' || isGone(item, order, context)) {
      closings.push(order);
    } else if (isJudged || sourceFailed(result, primaryId)) {
      const attempts = attemptsOf(catalog, order);
      const error = errorOf(item, attempts);
      if (context.isAwaited(item.fileId)) postponements.push(postponed(order, { attempts, error, context }));
      if (isJudged) itemError ??= error;
      if (item.outcome === 'failed' && !OWN_FAILURES.has(item.error?.code ?? '')) unexplained.push(item.fileId);
      if (isSourceDamage(result, error, primaryId)) damagedAtSource.push(item.fileId);
    } else unjudged.push({ ...order, error: item.error ?? UNEXPLAINED });
  }
  const closed = closings.length === 0 ? [] : catalog.obligations.close(closings, nowMs);
  if (postponements.length > 0) catalog.obligations.postpone(postponements);
  return { closed, itemError, unexplained, unjudged, damagedAtSource };
}

/** Files that turned out to be at fault themselves, although it was their store that failed. */
export function putOff(files: readonly Unjudged[], context: Pick<ResultContext, 'catalog' | 'nowMs' | 'random'>): void {
  const { catalog } = context;
  const postponements = files.map(({ error, ...order }) =>
    postponed(order, { attempts: attemptsOf(catalog, order), error, context }),
  );
  if (files.length > 0) catalog.obligations.postpone(postponements);
}

interface Failure {
  /** Before this one. */
  readonly attempts: number;
  readonly error: JobError | undefined;
  readonly context: Pick<ResultContext, 'nowMs' | 'random'>;
}

function postponed(order: Closing, { attempts, error, context }: Failure): Postponement {
  const { state, delayMs } = retryAfter({ attempts, random: context.random() });
  const put = { ...order, nextAttemptAtMs: Math.ceil(context.nowMs + delayMs) };
  return error === undefined ? { ...put, state: 'pending' } : { ...put, state, error: textOf(error) };
}

const UNEXPLAINED: JobError = { code: 'internal', message: 'The worker gave no reason.' };

/**
 * A worker that is told to stop, such as for an update, has nothing against the file; nor has one that found the job behind
 * its deadline, once: it may have waited for a worker. A store that is too slow lets it pass again.
 */
function errorOf({ outcome, error }: ItemResult, attempts: number): JobError | undefined {
  if (outcome !== 'failed' || error?.code === 'job_interrupted') return undefined;
  if (error?.code === 'job_overdue' && attempts === 0) return undefined;
  return error ?? UNEXPLAINED;
}

function orderOf({ targetId, operation }: JobResult, { fileId, generation }: ItemResult): Closing {
  return { fileId, storeId: targetId, generation, want: operation === 'delete' ? 'absent' : 'present' };
}

function isGone({ outcome, fileId }: ItemResult, { storeId }: Closing, { catalog, primaryId }: ResultContext): boolean {
  return outcome === 'superseded' && storeId === primaryId && catalog.findFile(fileId) === undefined;
}

/** A replica that the primary is repaired from: another one is asked at the next attempt. */
function sourceFailed({ storeError, sourceId, targetId }: JobResult, primaryId: StoreId): boolean {
  return targetId === primaryId && storeError?.storeId === sourceId;
}

function isSourceDamage({ sourceId, operation }: JobResult, error: JobError | undefined, primaryId: StoreId): boolean {
  return sourceId === primaryId && operation !== 'delete' && error !== undefined && SOURCE_DAMAGE.has(error.code);
}

function attemptsOf(catalog: Catalog, { fileId, storeId }: Closing): number {
  return catalog.obligations.of(fileId).find((row: Obligation) => row.storeId === storeId)?.attempts ?? 0;
}

function textOf({ code, message }: JobError): string {
  return `${code}: ${message}`;
}
