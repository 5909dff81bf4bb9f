import { Table } from 'typeorm';
import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Which file was uploaded under which key. Files of before have none, so there is nothing to fill in. */
export class IdempotencyKeys1797000000000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.createTable(KEYS);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.dropTable(KEYS.name);
  }
}

const KEYS = new Table({
  name: 'idempotency_keys',
  columns: [
    { name: 'idempotency_key', type: 'varchar', length: '255', isPrimary: true },
    { name: 'file_id', type: 'varchar', length: '36', isPrimary: true },
  ],
  indices: [{ name: 'idempotency_keys_by_file', columnNames: ['file_id'] }],
});
