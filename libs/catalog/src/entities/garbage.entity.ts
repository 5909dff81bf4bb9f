import { Column, Entity, Index, PrimaryColumn } from 'typeorm';

/** "Nothing referred to this chunk when we looked": a hint of what to look at again, never a reason to remove it. */
@Entity({ name: 'garbage' })
@Index('garbage_by_age', ['sinceMs', 'chunkId'])
export class GarbageEntity {
  @PrimaryColumn({ name: 'chunk_id', type: 'varchar', length: 64 })
  chunkId!: string;

  @Column({ name: 'since', type: 'bigint' })
  sinceMs!: number;
}
