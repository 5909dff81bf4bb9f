import { Column, Entity, PrimaryColumn } from 'typeorm';

/** An object that no store could give whole when it was looked for: one row for each store that should. */
@Entity({ name: 'damaged_objects' })
export class DamagedObjectEntity {
  /** `chunk` or `manifest`. */
  @PrimaryColumn({ name: 'kind', type: 'varchar', length: 16 })
  kind!: string;

  @PrimaryColumn({ name: 'object_id', type: 'varchar', length: 64 })
  objectId!: string;

  @PrimaryColumn({ name: 'store_id', type: 'varchar', length: 36 })
  storeId!: string;

  @Column({ name: 'since', type: 'bigint' })
  sinceMs!: number;
}
