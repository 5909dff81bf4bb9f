/** The prepared SQL of a listing: what it has beside what the catalog asks for. */
import type Database from 'better-sqlite3';

export type ListedKind = 'manifest' | 'tombstone' | 'chunk';

/**
 * Bounds what SQLite keeps of a scratch database in memory. A store lists in the order of the key, so rows are only ever
 * appended; and whoever asks in the order of ids, as the catalog has them, goes through all shards side by side, each from
 * its beginning to its end: the pages that are in use are never more than a few for each shard.
 */
const CACHE_KIB = 8 * 1024;
/** Owners of one chunk that are looked at; a chunk may have more of them than anybody wants to read. */
const MAX_OWNERS = 64;

/** As stores shard, docs/formats/store.md; in SQL, of an expression. */
const SHARD_OF: Readonly<Record<ListedKind, (id: string) => string>> = {
  manifest: (id) => `substr(${id}, -2)`,
  tombstone: (id) => `substr(${id}, -2)`,
  chunk: (id) => `substr(${id}, 1, 2)`,
};

/** `SHARD_OF`, of an id. */
export function shardOf(kind: ListedKind, id: string): string {
  return kind === 'chunk' ? id.slice(0, 2) : id.slice(-2);
}

type Range = { after: string; until: string };
/** Of the listing: in one shard, because that is the order in which it lies. */
type ListedRange = Range & { shard: string };
type Page = { after: string; limit: number };
type RecordRow = { id: string; kind: string };

export type ListingStatements = ReturnType<typeof prepareListingStatements>;

export function prepareListingStatements(database: Database.Database, schema: string) {
  const listed = `${schema}.objects`;
  // Nothing in it outlives the process, so nothing has to be journalled.
  database.pragma(`${schema}.journal_mode = OFF`);
  database.pragma(`${schema}.cache_size = -${CACHE_KIB}`);
  database.exec(`CREATE TABLE ${listed} (kind TEXT, shard TEXT, id TEXT, PRIMARY KEY (kind, shard, id)) WITHOUT ROWID`);
  const isListed = (kind: ListedKind, id: string): string =>
    `EXISTS (SELECT 1 FROM ${listed} WHERE kind = '${kind}' AND shard = ${SHARD_OF[kind](id)} AND id = ${id})`;
  return {
    add: database.prepare<[string, string, string]>(
      `INSERT OR IGNORE INTO ${listed} (kind, shard, id) VALUES (?, ?, ?)`,
    ),
    ...preparePages(database, listed),
    ...prepareMissing(database, isListed),
    ...prepareStray(database, listed),
  };
}

/** Where a page of so many rows ends: what is then looked for in it is rare, and a limit on that would bound nothing. */
function preparePages(database: Database.Database, listed: string) {
  const endOf = (table: string) =>
    database.prepare<Page, { until: string | null }>(
      `SELECT MAX(file_id) AS until FROM (
         SELECT file_id FROM ${table} WHERE file_id > @after ORDER BY file_id LIMIT @limit) AS page`,
    );
  return {
    endOfRows: endOf('obligations'),
    endOfFiles: endOf('files'),
    endOfListed: database.prepare<Page & { kind: string; shard: string }, { until: string | null }>(
      `SELECT MAX(id) AS until FROM (SELECT id FROM ${listed}
         WHERE kind = @kind AND shard = @shard AND id > @after ORDER BY id LIMIT @limit) AS page`,
    ),
    nextShard: database.prepare<{ kind: string; shard: string }, { shard: string | null }>(
      `SELECT MIN(shard) AS shard FROM ${listed} WHERE kind = @kind AND shard > @shard`,
    ),
  };
}

function prepareMissing(database: Database.Database, isListed: (kind: ListedKind, id: string) => string) {
  return {
    // The plus signs keep SQLite from another index: by store and state it would read, for each page, all that was confirmed.
    missingOnReplica: database.prepare<Range & { store_id: string; before: number }, RecordRow>(
      `SELECT file_id AS id, CASE want WHEN 'present' THEN 'manifest' ELSE 'tombstone' END AS kind FROM obligations
       WHERE +store_id = @store_id AND file_id > @after AND file_id <= @until AND +state = 'done' AND confirmed_at < @before
         AND ((want = 'present' AND NOT ${isListed('manifest', 'file_id')})
           OR (want = 'absent' AND NOT ${isListed('tombstone', 'file_id')}))`,
    ),
    missingManifests: database.prepare<Range, RecordRow>(
      `SELECT file_id AS id, 'manifest' AS kind FROM files
       WHERE file_id > @after AND file_id <= @until AND NOT ${isListed('manifest', 'file_id')}`,
    ),
    missingTombstones: database.prepare<Range, RecordRow>(
      `SELECT DISTINCT file_id AS id, 'tombstone' AS kind FROM obligations
       WHERE file_id > @after AND file_id <= @until AND want = 'absent' AND state <> 'expiring'
         AND NOT ${isListed('tombstone', 'file_id')}`,
    ),
    // Leaps from chunk to chunk in the index, however many files need each.
    neededChunks: database.prepare<Page, { id: string; is_listed: number }>(
      `WITH RECURSIVE needed(id) AS (
         SELECT MIN(chunk_id) FROM chunk_refs WHERE chunk_id > @after
         UNION ALL
         SELECT (SELECT MIN(chunk_id) FROM chunk_refs WHERE chunk_id > needed.id) FROM needed
         WHERE needed.id IS NOT NULL LIMIT @limit)
       SELECT needed.id AS id, ${isListed('chunk', 'needed.id')} AS is_listed FROM needed WHERE needed.id IS NOT NULL`,
    ),
    ownerOnReplica: database.prepare<{ chunk_id: string; store_id: string; before: number }, { id: string }>(
      `SELECT owner_id AS id FROM (
         SELECT owner_id FROM chunk_refs WHERE chunk_id = @chunk_id AND owner_kind = 'file' LIMIT ${MAX_OWNERS}) AS owners
       WHERE EXISTS (SELECT 1 FROM obligations WHERE file_id = owner_id AND store_id = @store_id
         AND want = 'present' AND state = 'done' AND confirmed_at < @before) LIMIT 1`,
    ),
    // One that a replica holds, where there is one: from there it can be put again.
    ownerOfPrimary: database.prepare<{ chunk_id: string; store_id: string }, { id: string }>(
      `SELECT owner_id AS id FROM (
         SELECT owner_id FROM chunk_refs WHERE chunk_id = @chunk_id AND owner_kind = 'file' LIMIT ${MAX_OWNERS}) AS owners
       ORDER BY EXISTS (SELECT 1 FROM obligations WHERE file_id = owner_id AND store_id <> @store_id
         AND want = 'present' AND state = 'done') DESC LIMIT 1`,
    ),
  };
}

function prepareStray(database: Database.Database, listed: string) {
  const inRange = (kind: ListedKind) => `kind = '${kind}' AND shard = @shard AND id > @after AND id <= @until`;
  const isFile = 'EXISTS (SELECT 1 FROM files WHERE file_id = object.id)';
  return {
    strayManifests: database.prepare<ListedRange, { id: string }>(
      `SELECT id FROM ${listed} AS object WHERE ${inRange('manifest')} AND NOT ${isFile}`,
    ),
    tombstonesOfFiles: database.prepare<ListedRange, { id: string }>(
      `SELECT id FROM ${listed} AS object WHERE ${inRange('tombstone')} AND ${isFile}`,
    ),
    untoldTombstones: database.prepare<ListedRange & { store_id: string }, { id: string }>(
      `SELECT id FROM ${listed} AS object WHERE ${inRange('tombstone')} AND NOT ${isFile} AND NOT EXISTS (
         SELECT 1 FROM obligations WHERE file_id = object.id AND store_id = @store_id AND want = 'absent')`,
    ),
    strayTombstones: database.prepare<ListedRange & { store_id: string }, { id: string }>(
      `SELECT id FROM ${listed} AS object WHERE ${inRange('tombstone')} AND (${isFile} OR NOT EXISTS (
         SELECT 1 FROM obligations WHERE file_id = object.id AND store_id = @store_id AND want = 'absent'))`,
    ),
    strayChunks: database.prepare<ListedRange, { id: string }>(
      `SELECT id FROM ${listed} AS object WHERE ${inRange('chunk')}
       AND NOT EXISTS (SELECT 1 FROM chunk_refs WHERE chunk_id = object.id)`,
    ),
  };
}
