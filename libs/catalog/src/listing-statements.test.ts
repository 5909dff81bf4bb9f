import { nodeFileSystem } from '#libs/durable-fs';
import type { ClusterId } from '#libs/kernel';
import Database from 'better-sqlite3';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { prepareFillStatements } from './fill-statements.js';
import { prepareListingStatements } from './listing-statements.js';
import { createCatalog } from './open-catalog.js';

let root: string;
let database: Database.Database;

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'holdfast-plans-'));
  const path = join(root, 'catalog.db');
  const clusterId = 'c1057e40-0000-4000-8000-000000000001' as ClusterId;
  await (await createCatalog(nodeFileSystem, path, clusterId, async () => undefined)).close();
  database = new Database(path);
  database.exec("ATTACH '' AS listing");
});
afterEach(async () => {
  database.close();
  await rm(root, { recursive: true });
});

/** How SQLite goes about it, https://www.sqlite.org/eqp.html. */
function planOf(sql: string): string[] {
  const parameters = Object.fromEntries([...sql.matchAll(/@(\w+)/g)].map(([, name]) => [name, '']));
  return (database.prepare(`EXPLAIN QUERY PLAN ${sql}`).all(parameters) as { detail: string }[]).map(
    ({ detail }) => detail,
  );
}

describe('a page of a listing, or of a filling', () => {
  it('is looked for among the rows of the page, and never among all of a store', () => {
    const { add: _, ...listing } = prepareListingStatements(database, 'listing');
    const { endOfRows, endOfFiles, orderDeletes, orderCopies, orderTombstones } = prepareFillStatements(database);
    const filling = { fillRows: endOfRows, fillFiles: endOfFiles, orderDeletes, orderCopies, orderTombstones };
    const pages = { ...listing, ...filling };
    for (const [name, { source }] of Object.entries(pages)) {
      for (const step of planOf(source)) {
        expect(step, name).not.toContain('obligations_by_due');
        expect(step, name).not.toMatch(/^SCAN (obligations|files|chunk_refs|listing\.objects|object)\b/);
      }
    }
  });
});
