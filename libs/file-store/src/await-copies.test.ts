import { lsn, newFileId } from '#libs/kernel';
import type { LogId, StoreId } from '#libs/kernel';
import { describe, expect, it } from 'vitest';
import { awaitCopies } from './await-copies.js';
import type { FileStoreContext } from './context.js';
import type { CopyWait } from './copies.js';
import type { FileReceipt } from './types.js';

const REPLICA = { storeId: '5704e000-0000-4000-8000-000000000002' as StoreId, name: 'replica' };

function receipt(mode: FileReceipt['mode'], wait: number): FileReceipt {
  const facts = {
    fileName: 'f',
    fileSize: 0,
    contentType: '',
    sha256: '',
    chunkSize: 1,
    chunkCount: 0,
    createdAtMs: 0,
  };
  const logId = '10900000-0000-4000-8000-000000000001' as LogId;
  const stores = [{ name: 'replica', state: 'pending' as const }];
  return { ...facts, fileId: newFileId(0), logId, lsn: lsn(1), mode, wait, stores };
}

/** A replica that is confirmed, or given up, when the test says so. */
function replication() {
  const waits: CopyWait[] = [];
  const confirmed = Promise.withResolvers<number>();
  const row = { storeId: REPLICA.storeId, want: 'present', state: 'pending' };
  const context = {
    replicas: [REPLICA],
    catalog: { obligations: { of: () => [row] } },
    copies: { waitForCopies: (wait: CopyWait) => (waits.push(wait), confirmed.promise), copying: () => false },
    limits: { replicationTimeoutMs: 300 },
  } as unknown as FileStoreContext;
  return { context, waits, row, confirm: confirmed.resolve };
}

describe('the answer to an upload', () => {
  it('that is synchronous waits until its copies are confirmed, and says so', async () => {
    const { context, waits, row, confirm } = replication();
    const upload = receipt('sync', 1);
    let answer: FileReceipt | undefined;
    const answered = awaitCopies(context, upload).then((value) => (answer = value));
    await new Promise(setImmediate);
    expect(answer).toBeUndefined();
    expect(waits).toEqual([{ fileId: upload.fileId, count: 1, timeoutMs: 300 }]);
    row.state = 'done';
    confirm(1);
    expect((await answered).stores).toEqual([{ name: 'replica', state: 'stored' }]);
  });

  it('that is synchronous and has waited long enough says what is still owed', async () => {
    const { context, confirm } = replication();
    confirm(0);
    expect((await awaitCopies(context, receipt('sync', 1))).stores).toEqual([{ name: 'replica', state: 'pending' }]);
  });

  it('that is asynchronous waits for nothing', async () => {
    const { context, waits } = replication();
    await awaitCopies(context, receipt('async', 0));
    expect(waits).toEqual([]);
  });
});
