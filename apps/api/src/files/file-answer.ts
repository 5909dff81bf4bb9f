/** What the API says of a file. The classes are also its OpenAPI schema. */
import { ApiProperty } from '@nestjs/swagger';
import type { FilePage, FileReceipt } from '#libs/file-store';

const REPLICA_STATES = ['stored', 'pending', 'copying', 'failed', 'absent'] as const;

export class ReplicaAnswer {
  @ApiProperty({ description: 'Name of the replica in REPLICAS.', example: 'replica1' })
  name!: string;

  @ApiProperty({ enum: REPLICA_STATES, enumName: 'ReplicaState' })
  state!: (typeof REPLICA_STATES)[number];
}

export class ReplicationAnswer {
  @ApiProperty({ enum: ['async', 'sync'] })
  mode!: string;

  @ApiProperty({ description: 'Replicas that had to confirm before the upload was answered.', example: 0 })
  wait!: number;

  @ApiProperty({ type: [ReplicaAnswer] })
  stores!: ReplicaAnswer[];
}

export class FileAnswer {
  @ApiProperty({ format: 'uuid', example: '01932b7e-8a2c-7c3d-9e4f-5a6b7c8d9e0f' })
  file_id!: string;

  @ApiProperty({ description: 'Display name: 1 to 1,024 bytes of UTF-8.', example: 'report.pdf' })
  file_name!: string;

  @ApiProperty({ description: 'Bytes.', example: 1_048_576 })
  file_size!: number;

  @ApiProperty({ example: 'application/pdf' })
  content_type!: string;

  @ApiProperty({ description: 'SHA-256 of the bytes, lower-case hex; also the entity tag of downloads.' })
  sha256!: string;

  @ApiProperty({ description: 'Bytes of every chunk but the last.', example: 1_048_576 })
  chunk_size!: number;

  @ApiProperty({ description: 'Pieces that a read fetches.', example: 1 })
  chunk_count!: number;

  @ApiProperty({ description: 'Milliseconds since the Unix epoch.', example: 1_795_233_906_000 })
  created_at!: number;

  @ApiProperty({ format: 'uuid', description: 'The log that holds the record of this file.' })
  log_id!: string;

  @ApiProperty({ description: 'Log sequence number of that record.', example: 1 })
  lsn!: number;

  @ApiProperty({ type: ReplicationAnswer })
  replication!: ReplicationAnswer;
}

export class FileListAnswer {
  @ApiProperty({ type: [FileAnswer] })
  files!: FileAnswer[];

  @ApiProperty({
    type: String,
    nullable: true,
    description: 'Hand it back as cursor for the next page; null at the end.',
  })
  next_cursor!: string | null;
}

export function fileAnswer(receipt: FileReceipt): FileAnswer {
  return {
    file_id: receipt.fileId,
    file_name: receipt.fileName,
    file_size: receipt.fileSize,
    content_type: receipt.contentType,
    sha256: receipt.sha256,
    chunk_size: receipt.chunkSize,
    chunk_count: receipt.chunkCount,
    created_at: receipt.createdAtMs,
    log_id: receipt.logId,
    lsn: receipt.lsn,
    replication: {
      mode: receipt.mode,
      wait: receipt.wait,
      stores: receipt.stores.map(({ name, state }) => ({ name, state })),
    },
  };
}

export function fileListAnswer({ files, nextCursor }: FilePage): FileListAnswer {
  return { files: files.map(fileAnswer), next_cursor: nextCursor ?? null };
}
