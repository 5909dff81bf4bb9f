import { Column, Entity, PrimaryColumn } from 'typeorm';

/** The one row that says which catalog of which installation this is. */
@Entity({ name: 'catalog_identity' })
export class IdentityEntity {
  @PrimaryColumn({ name: 'catalog_id', type: 'varchar', length: 36 })
  catalogId!: string;

  @Column({ name: 'cluster_id', type: 'varchar', length: 36 })
  clusterId!: string;
}
