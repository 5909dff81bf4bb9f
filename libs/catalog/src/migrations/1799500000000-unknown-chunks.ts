import { Table } from 'typeorm';
import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Which replicas may or may not hold a chunk that was garbage. Nothing was unlinked there before, so there is nothing to fill in. */
export class UnknownChunks1799500000000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.createTable(UNKNOWN_CHUNKS);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.dropTable(UNKNOWN_CHUNKS.name);
  }
}

const UNKNOWN_CHUNKS = new Table({
  name: 'unknown_chunks',
  columns: [
    { name: 'store_id', type: 'varchar', length: '36', isPrimary: true },
    { name: 'chunk_id', type: 'varchar', length: '64', isPrimary: true },
    { name: 'since', type: 'bigint' },
  ],
});
