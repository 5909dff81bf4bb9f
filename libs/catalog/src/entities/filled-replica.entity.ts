import { Column, Entity, PrimaryColumn } from 'typeorm';

/** A replica that has been owed every file, or is being owed them. One without a row has to be, from the first file on. */
@Entity({ name: 'filled_replicas' })
export class FilledReplicaEntity {
  @PrimaryColumn({ name: 'store_id', type: 'varchar', length: 36 })
  storeId!: string;

  /** `stale`, `files` or `filled`. */
  @Column({ name: 'stage', type: 'varchar', length: 16 })
  stage!: string;

  /** How far the stage has come. */
  @Column({ name: 'last_file_id', type: 'varchar', length: 36 })
  lastFileId!: string;
}
