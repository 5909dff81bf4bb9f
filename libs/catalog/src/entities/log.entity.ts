import { Column, Entity, PrimaryColumn } from 'typeorm';

/** One row a log that this catalog has applied records of. */
@Entity({ name: 'logs' })
export class LogEntity {
  @PrimaryColumn({ name: 'log_id', type: 'varchar', length: 36 })
  logId!: string;

  /** Last LSN whose effect is in this catalog. */
  @Column({ name: 'applied_lsn', type: 'bigint' })
  appliedLsn!: number;
}
