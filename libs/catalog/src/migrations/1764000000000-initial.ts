import { Table } from 'typeorm';
import type { MigrationInterface, QueryRunner, TableColumnOptions } from 'typeorm';

const key = (name: string, length: string): TableColumnOptions => ({ name, type: 'varchar', length, isPrimary: true });
const text = (name: string, length: string): TableColumnOptions => ({ name, type: 'varchar', length });
const count = (name: string): TableColumnOptions => ({ name, type: 'bigint' });
const small = (name: string): TableColumnOptions => ({ name, type: 'integer' });

/** Written with the portable `Table` API, so that the same migration runs on every database the catalog may move to. */
export class Initial1764000000000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    for (const table of TABLES) await runner.createTable(table);
  }

  async down(runner: QueryRunner): Promise<void> {
    for (const { name } of TABLES.toReversed()) await runner.dropTable(name);
  }
}

const TABLES = [
  new Table({ name: 'catalog_identity', columns: [key('catalog_id', '36'), text('cluster_id', '36')] }),
  new Table({ name: 'logs', columns: [key('log_id', '36'), count('applied_lsn')] }),
  new Table({
    name: 'files',
    columns: [
      key('file_id', '36'),
      text('file_name', '1024'),
      count('file_size'),
      text('content_type', '255'),
      text('sha256', '64'),
      count('chunk_size'),
      small('chunk_count'),
      count('created_at'),
      text('log_id', '36'),
      count('lsn'),
      text('mode', '16'),
      small('wait'),
    ],
    indices: [{ name: 'files_by_name', columnNames: ['file_name', 'file_id'] }],
  }),
  new Table({
    name: 'chunk_refs',
    columns: [key('chunk_id', '64'), key('owner_kind', '16'), key('owner_id', '36')],
    indices: [{ name: 'chunk_refs_by_owner', columnNames: ['owner_id'] }],
  }),
  new Table({
    name: 'obligations',
    columns: [
      key('file_id', '36'),
      key('store_id', '36'),
      text('want', '16'),
      count('generation'),
      text('state', '16'),
      count('next_attempt_at'),
    ],
    indices: [{ name: 'obligations_by_due', columnNames: ['store_id', 'state', 'next_attempt_at'] }],
  }),
];
