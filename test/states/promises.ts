/** Holds a store that has just recovered against everything that was promised before the cut. */
import type { FileReceipt } from '#libs/file-store';
import { StoreError } from '#libs/kernel';
import type { FileId } from '#libs/kernel';
import { createHash } from 'node:crypto';
import { get } from '../store/installation.js';
import { keyOf } from './ledger.js';
import type { KeptFile, Ledger } from './ledger.js';
import { CHUNK_SIZE, INLINE_MAX, PRIMARY_PATH } from './machine.js';
import type { Machine, RunningStore } from './machine.js';

/**
 * Throws, with all that is wrong, where a promise is broken; else answers with the files that the store shows, which are
 * whole and were all sent.
 */
export async function assertPromisesKept(
  machine: Machine,
  store: RunningStore,
  ledger: Ledger,
): Promise<Map<FileId, KeptFile>> {
  const findings: string[] = [];
  const listed = listAll(store);
  const shown = new Map<FileId, KeptFile>();
  for (const receipt of listed) {
    const { fileId, fileName } = receipt;
    const bytes = await get(store.files, fileId).catch((error: unknown) => describe(error));
    const sent = ledger.kept.get(fileId) ?? unansweredAs(ledger, fileName);
    if (typeof bytes === 'string') findings.push(`${fileName} is listed and cannot be read: ${bytes}`);
    else if (sent?.fileName !== fileName) findings.push(`${fileName} is listed and was never promised`);
    else if (!sent.bytes.equals(bytes)) findings.push(`${fileName} reads other bytes than were sent`);
    else shown.set(fileId, sent);
    const again = store.parts.catalog.findFileByKey(keyOf(fileName))?.fileId;
    const expected = ledger.undeleted.has(fileName) ? undefined : fileId;
    if (again !== expected) findings.push(`a retry of ${fileName} would get ${again ?? 'a second file'}`);
    findings.push(...wrongObligations(store, fileId, 'present'));
  }
  for (const [fileId, { fileName }] of ledger.kept) {
    if (!shown.has(fileId) && !ledger.deleting.has(fileId)) findings.push(`${fileName} was acknowledged and is lost`);
  }
  for (const fileId of [...ledger.deleted, ...ledger.deleting]) {
    if (shown.has(fileId)) continue;
    if (ledger.deleted.has(fileId) || ledger.kept.has(fileId)) {
      const outcome = await get(store.files, fileId).then(() => 'read', describe);
      if (outcome !== 'file_not_found') findings.push(`${fileId} was deleted, and a read says ${outcome}`);
      findings.push(...wrongObligations(store, fileId, 'absent'));
      const hasTombstone = (await store.parts.primary.has({ kind: 'tombstone', id: fileId })) !== undefined;
      if (!hasTombstone) findings.push(`${fileId} was deleted, and no tombstone says so`);
    }
  }
  for (const fileId of ledger.deleted) if (shown.has(fileId)) findings.push(`${fileId} was deleted and is back`);
  findings.push(...wrongLsns(store, listed, ledger), ...(await strayObjects(machine, store, shown)));
  if (findings.length > 0) throw new Error(`broken promises:\n  ${findings.join('\n  ')}`);
  return shown;
}

function listAll({ files }: RunningStore): FileReceipt[] {
  const receipts: FileReceipt[] = [];
  let cursor: string | undefined;
  do {
    const page = files.list({ prefix: '', limit: 5, cursor });
    receipts.push(...page.files);
    cursor = page.nextCursor;
  } while (cursor !== undefined);
  return receipts;
}

function unansweredAs(ledger: Ledger, fileName: string): KeptFile | undefined {
  const bytes = ledger.unanswered.get(fileName);
  return bytes === undefined ? undefined : { fileName, bytes };
}

function wrongObligations({ parts }: RunningStore, fileId: FileId, want: 'present' | 'absent'): string[] {
  const owed = new Map(parts.catalog.obligations.of(fileId).map(({ storeId, want: owes }) => [storeId, owes]));
  return parts.replicas
    .filter(({ storeId }) => owed.get(storeId) !== want)
    .map(({ storeId, name }) => `${fileId} is owed to ${name} as ${owed.get(storeId) ?? 'nothing'}, not as ${want}`);
}

/** An LSN that a caller was told must never be given again, and every record has its own. */
function wrongLsns({ parts }: RunningStore, listed: readonly FileReceipt[], ledger: Ledger): string[] {
  const findings: string[] = [];
  const places = new Set(listed.map(({ logId, lsn }) => `${logId}:${lsn}`));
  if (places.size < listed.length) findings.push('two files have one LSN');
  const told = ledger.highestLsn.get(parts.wal.logId) ?? 0;
  if (parts.wal.committedLsn < told) {
    findings.push(`the log goes on behind LSN ${parts.wal.committedLsn}, but LSN ${told} was given`);
  }
  return findings;
}

/**
 * Throws where boot had to mend what no power cut may break: the catalog is behind the checkpoint's, a record on the store
 * cannot be read, the log is gone. A catalog that was never made is no such thing.
 */
export function assertNothingMended({ parts: { report } }: RunningStore): void {
  const { catalogRebuilt, damagedManifests, logWasGone } = report;
  if ((catalogRebuilt ?? 'missing') === 'missing' && damagedManifests === 0 && !logWasGone) return;
  throw new Error(`boot had to mend: ${JSON.stringify({ catalogRebuilt, damagedManifests, logWasGone })}`);
}

/** Throws where a chunk stands that no file shown needs; for a store whose garbage has just been collected. */
export async function assertNoGarbage({ parts }: RunningStore, shown: Iterable<KeptFile>): Promise<void> {
  const needed = new Set<string>([...shown].flatMap(({ bytes }) => chunkIdsOf(bytes)));
  const { ids } = await parts.primary.list('chunk', { limit: 1000 });
  const garbage = ids.filter((chunkId) => !needed.has(chunkId));
  if (garbage.length > 0) throw new Error(`garbage that nobody collects: ${garbage.join(', ')}`);
}

function chunkIdsOf(bytes: Buffer): string[] {
  if (bytes.length <= INLINE_MAX) return [];
  const starts = Array.from({ length: Math.ceil(bytes.length / CHUNK_SIZE) }, (_, index) => index * CHUNK_SIZE);
  return starts.map((start) =>
    createHash('sha256')
      .update(bytes.subarray(start, start + CHUNK_SIZE))
      .digest('hex'),
  );
}

async function strayObjects({ fs }: Machine, { parts }: RunningStore, shown: Map<FileId, KeptFile>): Promise<string[]> {
  const staged = await fs.readDirectory(`${PRIMARY_PATH}/staging`);
  const manifests = await parts.primary.list('manifest', { limit: 1000 });
  const strays = manifests.ids.filter((id) => !shown.has(id as FileId));
  return [
    ...staged.map((name) => `staging holds ${name}`),
    ...strays.map((id) => `a manifest of ${id} stands, which is not listed`),
  ];
}

function describe(error: unknown): string {
  return StoreError.is(error) ? error.code : String(error);
}
