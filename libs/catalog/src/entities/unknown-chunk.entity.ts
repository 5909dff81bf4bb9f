import { Column, Entity, PrimaryColumn } from 'typeorm';

/** A chunk that was to be unlinked on a replica, and whose unlink nobody has confirmed. */
@Entity({ name: 'unknown_chunks' })
export class UnknownChunkEntity {
  @PrimaryColumn({ name: 'store_id', type: 'varchar', length: 36 })
  storeId!: string;

  @PrimaryColumn({ name: 'chunk_id', type: 'varchar', length: 64 })
  chunkId!: string;

  @Column({ name: 'since', type: 'bigint' })
  sinceMs!: number;
}
