import { Column, Entity, Index, PrimaryColumn } from 'typeorm';

/** A durable "this file must (not) be on that store". */
@Entity({ name: 'obligations' })
@Index('obligations_by_due', ['storeId', 'state', 'nextAttemptAtMs'])
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

  @Column({ name: 'state', type: 'varchar', length: 16 })
  state!: string;

  @Column({ name: 'next_attempt_at', type: 'bigint' })
  nextAttemptAtMs!: number;
}
