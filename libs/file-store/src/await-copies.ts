/** A `sync` upload is answered when enough replicas hold the file, or when the time is up: then with what is still owed. */
import { SPAN, withSpan } from '#libs/telemetry';
import type { FileStoreContext } from './context.js';
import { receiptOf } from './receipt.js';
import type { FileReceipt } from './types.js';

export async function awaitCopies(context: FileStoreContext, receipt: FileReceipt): Promise<FileReceipt> {
  const { fileId, mode, wait } = receipt;
  if (mode !== 'sync') return receipt;
  await withSpan(SPAN.replicateFile, { 'replication.wait': wait }, async (span) => {
    const { replicationTimeoutMs: timeoutMs } = context.limits;
    const confirmed = await context.copies.waitForCopies({ fileId, count: wait, timeoutMs });
    span.setAttribute('replication.confirmed', confirmed);
  });
  return receiptOf(context, receipt);
}
