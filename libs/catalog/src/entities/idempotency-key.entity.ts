import { Entity, Index, PrimaryColumn } from 'typeorm';

/**
 * "This file was uploaded under this key". Whoever uploads sees to it that a key has one file; a row for each, so that
 * records may be applied twice, and in any order while a catalog is rebuilt, and a delete takes only its own row away.
 */
@Entity({ name: 'idempotency_keys' })
@Index('idempotency_keys_by_file', ['fileId'])
export class IdempotencyKeyEntity {
  @PrimaryColumn({ name: 'idempotency_key', type: 'varchar', length: 255 })
  idempotencyKey!: string;

  @PrimaryColumn({ name: 'file_id', type: 'varchar', length: 36 })
  fileId!: string;
}
