import { Column, Entity, PrimaryColumn } from 'typeorm';

/** Why references may be missing in this catalog: while there is one of these, nothing is collected. */
@Entity({ name: 'collection_holds' })
export class CollectionHoldEntity {
  @PrimaryColumn({ name: 'reason', type: 'varchar', length: 64 })
  reason!: string;

  @Column({ name: 'since', type: 'bigint' })
  sinceMs!: number;
}
