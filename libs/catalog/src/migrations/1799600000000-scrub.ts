import { Table } from 'typeorm';
import type { MigrationInterface, QueryRunner } from 'typeorm';

/** How far the scrub of each store has come, and what no store holds whole. */
export class Scrub1799600000000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    for (const table of TABLES) await runner.createTable(table);
  }

  async down(runner: QueryRunner): Promise<void> {
    for (const { name } of TABLES.toReversed()) await runner.dropTable(name);
  }
}

const TABLES = [
  new Table({
    name: 'scrubs',
    columns: [
      { name: 'store_id', type: 'varchar', length: '36', isPrimary: true },
      { name: 'kind', type: 'varchar', length: '16' },
      { name: 'last_key', type: 'varchar', length: '80' },
      { name: 'started_at', type: 'bigint' },
      { name: 'ended_at', type: 'bigint', isNullable: true },
      { name: 'last_completed_at', type: 'bigint', isNullable: true },
      { name: 'objects', type: 'bigint' },
      { name: 'bytes', type: 'bigint' },
      { name: 'corrupt', type: 'bigint' },
    ],
  }),
  new Table({
    name: 'damaged_objects',
    columns: [
      { name: 'kind', type: 'varchar', length: '16', isPrimary: true },
      { name: 'object_id', type: 'varchar', length: '64', isPrimary: true },
      { name: 'store_id', type: 'varchar', length: '36', isPrimary: true },
      { name: 'since', type: 'bigint' },
    ],
  }),
];
