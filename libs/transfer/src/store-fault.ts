/**
 * Whose fault an error is. A store that cannot be reached, written or believed ends a job, because the next item would
 * meet the same; anything else is the matter of one item.
 */
import { StoreError, systemErrorCode } from '#libs/kernel';
import type { ErrorCode, StoreId } from '#libs/kernel';

/**
 * What a file system says, and what that means for the store on it. An object that is missing is no error of the port, so
 * an ENOENT is a missing directory of the store: its disk is not mounted, or it was removed. EIO stands here for writes;
 * that of a read is the object's own (job-store.ts).
 */
const BY_SYSTEM_CODE: Readonly<Record<string, ErrorCode>> = {
  ENOSPC: 'store_full',
  EDQUOT: 'store_full',
  EROFS: 'store_read_only',
  EACCES: 'store_refused',
  EPERM: 'store_refused',
  EIO: 'store_unreachable',
  ENOENT: 'store_unreachable',
  ENOTDIR: 'store_unreachable',
  ESTALE: 'store_unreachable',
  ENODEV: 'store_unreachable',
  ENXIO: 'store_unreachable',
  ENOTCONN: 'store_unreachable',
  ESHUTDOWN: 'store_unreachable',
  ECONNREFUSED: 'store_unreachable',
  ECONNRESET: 'store_unreachable',
  EPIPE: 'store_unreachable',
  ETIMEDOUT: 'store_unreachable',
  EHOSTDOWN: 'store_unreachable',
  EHOSTUNREACH: 'store_unreachable',
  ENETUNREACH: 'store_unreachable',
  ENOTFOUND: 'store_unreachable',
  EAI_AGAIN: 'store_unreachable',
};

const STORE_CODES: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  'store_unreachable',
  'store_foreign',
  'store_refused',
  'store_read_only',
  'store_full',
  'store_unreadable',
]);

/** The code of a store's fault, or undefined where the error is no store's. */
export function storeFaultCode(error: unknown): ErrorCode | undefined {
  if (!StoreError.is(error)) return BY_SYSTEM_CODE[systemErrorCode(error) ?? ''];
  // An identity that a dying disk does not give out is no damaged identity.
  if (error.code === 'store_unreadable') return storeFaultCode(error.cause) ?? error.code;
  return STORE_CODES.has(error.code) ? error.code : undefined;
}

/** What is wrong with one file; all else is wrong with a store, or with this program. */
export function isOfItem(error: unknown): error is StoreError {
  return (
    StoreError.is(error, 'manifest_corrupt') ||
    StoreError.is(error, 'manifest_missing') ||
    StoreError.is(error, 'chunk_corrupt') ||
    StoreError.is(error, 'chunk_missing') ||
    StoreError.is(error, 'future_format')
  );
}

/** A fault of one of a job's stores; it ends the job. */
export class StoreFault extends StoreError {
  readonly storeId: StoreId;

  constructor(code: ErrorCode, message: string, options: { storeId: StoreId; cause: unknown }) {
    super(code, message, { context: { store_id: options.storeId }, cause: options.cause });
    this.storeId = options.storeId;
  }
}

/** The error as a fault of that store, or as it is where it is none. */
export function asStoreFault(error: unknown, store: { readonly storeId: StoreId; readonly name: string }): unknown {
  const code = storeFaultCode(error);
  if (code === undefined || !(error instanceof Error)) return error;
  return new StoreFault(code, `The store ${store.name}: ${error.message}`, { storeId: store.storeId, cause: error });
}
