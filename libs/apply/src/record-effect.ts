/** What a record does to the primary and to the catalog. One place for live apply, replay and rebuild. */
import type { CatalogChange, FileEntry } from '#libs/catalog';
import { chunkCount, decodeFileDelete, decodeManifest, recordTypeOf, StoreError } from '#libs/kernel';
import type { FileId, Frame, Manifest } from '#libs/kernel';

export type RecordEffect =
  | { readonly kind: 'put'; readonly fileId: FileId; readonly manifest: Manifest; readonly frame: Frame }
  | { readonly kind: 'delete'; readonly fileId: FileId; readonly deletedAtMs: number; readonly frame: Frame }
  | { readonly kind: 'none' };

export type Change = Exclude<RecordEffect, { kind: 'none' }>;

/** Throws `manifest_corrupt` for a payload that is not what its type promises, `future_format` for an unknown type. */
export function effectOf(frame: Frame): RecordEffect {
  switch (recordTypeOf(frame)) {
    case 'file_put': {
      const manifest = decodeManifest(frame);
      return { kind: 'put', fileId: manifest.fileId, manifest, frame };
    }
    case 'file_delete':
      return { kind: 'delete', ...decodeFileDelete(frame), frame };
    case 'upload_begin':
    case 'checkpoint':
      return { kind: 'none' };
    default:
      throw new StoreError(
        'future_format',
        `The record at LSN ${frame.lsn} was written by a later version of Holdfast.`,
        {
          context: { lsn: frame.lsn, record_type: frame.type },
        },
      );
  }
}

export function catalogChange(effect: Change): CatalogChange {
  if (effect.kind === 'delete') return { kind: 'delete', fileId: effect.fileId };
  const { content, idempotencyKey } = effect.manifest;
  const chunkIds = content.kind === 'chunks' ? content.chunks.map(({ chunkId }) => chunkId) : [];
  return { kind: 'put', entry: entryOf(effect.manifest, effect.frame), chunkIds, idempotencyKey };
}

/** What the catalog holds of a file once its record is applied. */
export function entryOf(manifest: Manifest, { logId, lsn }: Frame): FileEntry {
  const { fileId, fileName, fileSize, contentType, sha256, chunkSize, createdAtMs, mode, wait } = manifest;
  return {
    fileId,
    fileName,
    fileSize,
    contentType,
    sha256,
    chunkSize,
    chunkCount: chunkCount(manifest),
    createdAtMs,
    logId,
    lsn,
    mode,
    wait,
  };
}
