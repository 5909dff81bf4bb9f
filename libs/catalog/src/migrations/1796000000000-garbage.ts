import { Table } from 'typeorm';
import type { MigrationInterface, QueryRunner } from 'typeorm';

/** What garbage collection has to remember. */
export class Garbage1796000000000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    for (const table of TABLES) await runner.createTable(table);
  }

  async down(runner: QueryRunner): Promise<void> {
    for (const { name } of TABLES.toReversed()) await runner.dropTable(name);
  }
}

const TABLES = [
  new Table({
    name: 'garbage',
    columns: [
      { name: 'chunk_id', type: 'varchar', length: '64', isPrimary: true },
      { name: 'since', type: 'bigint' },
    ],
    indices: [{ name: 'garbage_by_age', columnNames: ['since', 'chunk_id'] }],
  }),
  new Table({
    name: 'collection_holds',
    columns: [
      { name: 'reason', type: 'varchar', length: '64', isPrimary: true },
      { name: 'since', type: 'bigint' },
    ],
  }),
];
