import { Column, Entity, PrimaryColumn } from 'typeorm';

/** How far the scrub of a store has come, so that a restart does not begin it anew. */
@Entity({ name: 'scrubs' })
export class ScrubEntity {
  @PrimaryColumn({ name: 'store_id', type: 'varchar', length: 36 })
  storeId!: string;

  /** `chunk`, `manifest` or `tombstone`: what is being read. */
  @Column({ name: 'kind', type: 'varchar', length: 16 })
  kind!: string;

  /** The last object of that kind that was read, in the order of the store's listing; '' before the first. */
  @Column({ name: 'last_key', type: 'varchar', length: 80 })
  lastKey!: string;

  @Column({ name: 'started_at', type: 'bigint' })
  startedAtMs!: number;

  /** Null while the pass is under way. */
  @Column({ name: 'ended_at', type: 'bigint', nullable: true })
  endedAtMs!: number | null;

  @Column({ name: 'last_completed_at', type: 'bigint', nullable: true })
  lastCompletedAtMs!: number | null;

  @Column({ name: 'objects', type: 'bigint' })
  objects!: number;

  @Column({ name: 'bytes', type: 'bigint' })
  bytes!: number;

  @Column({ name: 'corrupt', type: 'bigint' })
  corrupt!: number;
}
