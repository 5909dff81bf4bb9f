import { Entity, Index, PrimaryColumn } from 'typeorm';

/** "This owner needs this chunk": distinct rows and never a counter, so that applying a record twice changes nothing. */
@Entity({ name: 'chunk_refs' })
@Index('chunk_refs_by_owner', ['ownerId'])
export class ChunkRefEntity {
  @PrimaryColumn({ name: 'chunk_id', type: 'varchar', length: 64 })
  chunkId!: string;

  /** `file`; room for others. */
  @PrimaryColumn({ name: 'owner_kind', type: 'varchar', length: 16 })
  ownerKind!: string;

  @PrimaryColumn({ name: 'owner_id', type: 'varchar', length: 36 })
  ownerId!: string;
}
