/** A tombstone that the primary has lost may stand on a replica: without it nothing would keep the file from coming back. */
import { decodeFileDelete, decodeWholeFrame, recordTypeOf } from '#libs/kernel';
import type { FileId, StoreId } from '#libs/kernel';
import type { Stores } from '#libs/transfer';
import { StoreSight } from './store-sight.js';

export interface TombstoneSources {
  readonly stores: Stores;
  readonly storeIds: readonly StoreId[];
}

/** The first one that verifies; a replica that cannot be asked is passed over. */
export async function tombstoneFrom(
  { stores, storeIds }: TombstoneSources,
  fileId: FileId,
): Promise<Buffer | undefined> {
  for (const storeId of storeIds) {
    const bytes = await read(stores, { storeId, fileId }).catch(() => undefined);
    if (bytes !== undefined && isTombstoneOf(bytes, fileId)) return bytes;
  }
  return undefined;
}

async function read(stores: Stores, object: { storeId: StoreId; fileId: FileId }): Promise<Buffer | undefined> {
  const sight = await StoreSight.open(stores, object.storeId);
  return sight.get({ kind: 'tombstone', id: object.fileId });
}

function isTombstoneOf(bytes: Buffer, fileId: FileId): boolean {
  const decoded = decodeWholeFrame(bytes);
  if (!decoded.ok || recordTypeOf(decoded.frame) !== 'file_delete') return false;
  return decodeFileDelete(decoded.frame).fileId === fileId;
}
