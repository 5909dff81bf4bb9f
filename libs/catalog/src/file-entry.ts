import type { FileId, LogId, Lsn, ReplicationMode } from '#libs/kernel';

/** What the catalog knows of a file: enough to answer for it without opening its manifest. */
export interface FileEntry {
  readonly fileId: FileId;
  readonly fileName: string;
  readonly fileSize: number;
  readonly contentType: string;
  /** Lower-case hex. */
  readonly sha256: string;
  readonly chunkSize: number;
  readonly chunkCount: number;
  readonly createdAtMs: number;
  /** The log and LSN of the `file_put` that made it. */
  readonly logId: LogId;
  readonly lsn: Lsn;
  readonly mode: ReplicationMode;
  readonly wait: number;
}
