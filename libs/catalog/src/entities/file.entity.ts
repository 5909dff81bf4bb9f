import { Column, Entity, Index, PrimaryColumn } from 'typeorm';

/** One row a file that is not deleted. */
@Entity({ name: 'files' })
@Index('files_by_name', ['fileName', 'fileId'])
export class FileEntity {
  @PrimaryColumn({ name: 'file_id', type: 'varchar', length: 36 })
  fileId!: string;

  @Column({ name: 'file_name', type: 'varchar', length: 1024 })
  fileName!: string;

  @Column({ name: 'file_size', type: 'bigint' })
  fileSize!: number;

  @Column({ name: 'content_type', type: 'varchar', length: 255 })
  contentType!: string;

  @Column({ name: 'sha256', type: 'varchar', length: 64 })
  sha256!: string;

  @Column({ name: 'chunk_size', type: 'bigint' })
  chunkSize!: number;

  @Column({ name: 'chunk_count', type: 'int' })
  chunkCount!: number;

  @Column({ name: 'created_at', type: 'bigint' })
  createdAtMs!: number;

  @Column({ name: 'log_id', type: 'varchar', length: 36 })
  logId!: string;

  @Column({ name: 'lsn', type: 'bigint' })
  lsn!: number;

  @Column({ name: 'mode', type: 'varchar', length: 16 })
  mode!: string;

  @Column({ name: 'wait', type: 'int' })
  wait!: number;
}
