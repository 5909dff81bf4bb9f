import { Column, Entity, Index, PrimaryColumn } from 'typeorm';

/** A durable "this file must (not) be on that store". */
@Entity({ name: 'obligations' })
@Index('obligations_by_due', ['storeId', 'state', 'nextAttemptAtMs', 'operation', 'sinceMs', 'sizeBytes'])
export class ObligationEntity {
  @PrimaryColumn({ name: 'file_id', type: 'varchar', length: 36 })
  fileId!: string;

  @PrimaryColumn({ name: 'store_id', type: 'varchar', length: 36 })
  storeId!: string;

  /** `present` or `absent`. */
  @Column({ name: 'want', type: 'varchar', length: 16 })
  want!: string;

  /** Counts the orders given, so that a late answer to an old order closes nothing. */
  @Column({ name: 'generation', type: 'bigint' })
  generation!: number;

  /** `pending`, `done`, `failed` or `expiring`. */
  @Column({ name: 'state', type: 'varchar', length: 16 })
  state!: string;

  @Column({ name: 'next_attempt_at', type: 'bigint' })
  nextAttemptAtMs!: number;

  /** `copy`, `delete`, `verify` or `repair`. */
  @Column({ name: 'operation', type: 'varchar', length: 16, default: 'copy' })
  operation!: string;

  @Column({ name: 'attempts', type: 'integer', default: 0 })
  attempts!: number;

  @Column({ name: 'last_error', type: 'varchar', length: 255, nullable: true })
  lastError!: string | null;

  /** Of the file; 0 for a delete. */
  @Column({ name: 'size', type: 'bigint', default: 0 })
  sizeBytes!: number;

  /** When it was ordered. */
  @Column({ name: 'since', type: 'bigint', default: 0 })
  sinceMs!: number;

  @Column({ name: 'confirmed_at', type: 'bigint', nullable: true })
  confirmedAtMs!: number | null;
}
