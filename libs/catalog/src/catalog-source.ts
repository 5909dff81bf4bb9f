/** How the catalog's database is opened: TypeORM for schema and migrations, the driver below it for the hot paths. */
import type Database from 'better-sqlite3';
import { DataSource } from 'typeorm';
import { APPLICATION_ID } from './catalog-file.js';
import { ChunkRefEntity } from './entities/chunk-ref.entity.js';
import { CollectionHoldEntity } from './entities/collection-hold.entity.js';
import { DamagedObjectEntity } from './entities/damaged-object.entity.js';
import { FilledReplicaEntity } from './entities/filled-replica.entity.js';
import { FileEntity } from './entities/file.entity.js';
import { GarbageEntity } from './entities/garbage.entity.js';
import { IdempotencyKeyEntity } from './entities/idempotency-key.entity.js';
import { IdentityEntity } from './entities/identity.entity.js';
import { LogEntity } from './entities/log.entity.js';
import { ObligationEntity } from './entities/obligation.entity.js';
import { ScrubEntity } from './entities/scrub.entity.js';
import { UnknownChunkEntity } from './entities/unknown-chunk.entity.js';
import { Initial1764000000000 } from './migrations/1764000000000-initial.js';
import { Garbage1796000000000 } from './migrations/1796000000000-garbage.js';
import { IdempotencyKeys1797000000000 } from './migrations/1797000000000-idempotency-keys.js';
import { Scrub1799600000000 } from './migrations/1799600000000-scrub.js';
import { UnknownChunks1799500000000 } from './migrations/1799500000000-unknown-chunks.js';
import { Replication1799000000000 } from './migrations/1799000000000-replication.js';

const ENTITIES = [
  IdentityEntity,
  LogEntity,
  FileEntity,
  IdempotencyKeyEntity,
  ChunkRefEntity,
  ObligationEntity,
  FilledReplicaEntity,
  GarbageEntity,
  CollectionHoldEntity,
  UnknownChunkEntity,
  ScrubEntity,
  DamagedObjectEntity,
];

export function catalogSource(path: string): DataSource {
  return new DataSource({
    type: 'better-sqlite3',
    database: path,
    // Nobody else writes here, and a wait for a stranger's lock would stop every request with it.
    timeout: 0,
    entities: ENTITIES,
    migrations: [
      Initial1764000000000,
      Garbage1796000000000,
      IdempotencyKeys1797000000000,
      Replication1799000000000,
      UnknownChunks1799500000000,
      Scrub1799600000000,
    ],
    migrationsRun: true,
    prepareDatabase: (database: Database.Database) => {
      // Ours alone: a checkpoint of SQLite's own timing would block a request. First, because the next one that writes
      // would already bring it about, and an opening would move all that the last process left in SQLite's log.
      database.pragma('wal_autocheckpoint = 0');
      // Written at every opening: a place that cannot be written is met here, and not at the first change.
      database.pragma(`application_id = ${APPLICATION_ID}`);
      // NORMAL: a commit is not synced. A power cut may take the last ones back, and the log gives them again.
      database.pragma('journal_mode = WAL');
      database.pragma('synchronous = NORMAL');
    },
  });
}

export function driverOf(source: DataSource): Database.Database {
  return (source.driver as unknown as { databaseConnection: Database.Database }).databaseConnection;
}
