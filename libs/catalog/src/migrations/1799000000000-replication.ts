import { Table, TableColumn, TableIndex } from 'typeorm';
import type { MigrationInterface, QueryRunner } from 'typeorm';

/** What replication has to remember of an order, and which replicas have been owed every file. */
export class Replication1799000000000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.dropIndex('obligations', 'obligations_by_due');
    await runner.addColumns('obligations', COLUMNS);
    // Orders of before: all of them are owed still, because nothing could confirm them.
    await runner.query("UPDATE obligations SET operation = 'delete' WHERE want = 'absent'");
    await runner.query(
      `UPDATE obligations SET since = next_attempt_at,
       size = COALESCE((SELECT file_size FROM files WHERE files.file_id = obligations.file_id AND want = 'present'), 0)`,
    );
    await runner.createIndex('obligations', BY_DUE);
    await runner.createTable(FILLED_REPLICAS);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.dropTable(FILLED_REPLICAS.name);
    await runner.dropIndex('obligations', 'obligations_by_due');
    await runner.dropColumns(
      'obligations',
      COLUMNS.map(({ name }) => name),
    );
    const columnNames = ['store_id', 'state', 'next_attempt_at'];
    await runner.createIndex('obligations', new TableIndex({ name: 'obligations_by_due', columnNames }));
  }
}

const COLUMNS = [
  new TableColumn({ name: 'operation', type: 'varchar', length: '16', default: "'copy'" }),
  new TableColumn({ name: 'attempts', type: 'integer', default: '0' }),
  new TableColumn({ name: 'last_error', type: 'varchar', length: '255', isNullable: true }),
  new TableColumn({ name: 'size', type: 'bigint', default: '0' }),
  new TableColumn({ name: 'since', type: 'bigint', default: '0' }),
  new TableColumn({ name: 'confirmed_at', type: 'bigint', isNullable: true }),
];

/** Behind the first three: what the lag is counted from, so that counting reads the index alone. */
const BY_DUE = new TableIndex({
  name: 'obligations_by_due',
  columnNames: ['store_id', 'state', 'next_attempt_at', 'operation', 'since', 'size'],
});

const FILLED_REPLICAS = new Table({
  name: 'filled_replicas',
  columns: [
    { name: 'store_id', type: 'varchar', length: '36', isPrimary: true },
    { name: 'stage', type: 'varchar', length: '16' },
    { name: 'last_file_id', type: 'varchar', length: '36' },
  ],
});
