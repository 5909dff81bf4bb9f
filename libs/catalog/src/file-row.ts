import type { FileId, LogId, Lsn } from '#libs/kernel';
import type { FileEntry } from './file-entry.js';
import type { FileRow } from './statements.js';

export function toRow(entry: FileEntry): FileRow {
  return {
    file_id: entry.fileId,
    file_name: entry.fileName,
    file_size: entry.fileSize,
    content_type: entry.contentType,
    sha256: entry.sha256,
    chunk_size: entry.chunkSize,
    chunk_count: entry.chunkCount,
    created_at: entry.createdAtMs,
    log_id: entry.logId,
    lsn: entry.lsn,
    mode: entry.mode,
    wait: entry.wait,
  };
}

export function toEntry(row: FileRow): FileEntry {
  return {
    fileId: row.file_id as FileId,
    fileName: row.file_name,
    fileSize: row.file_size,
    contentType: row.content_type,
    sha256: row.sha256,
    chunkSize: row.chunk_size,
    chunkCount: row.chunk_count,
    createdAtMs: row.created_at,
    logId: row.log_id as LogId,
    lsn: row.lsn as Lsn,
    mode: row.mode as FileEntry['mode'],
    wait: row.wait,
  };
}
