/**
 * A new catalog from the primary's manifests and tombstones, as of the log's checkpoint; the replay that follows adds the
 * rest. What stands in the primary above the checkpoint is only ever ahead of that, never wrong: the replay repeats it.
 */
import { catalogChange, effectOf } from '#libs/apply';
import type { Catalog, CatalogChange, CatalogFiles } from '#libs/catalog';
import { StoreError } from '#libs/kernel';
import type { Clock, FileId, Frame, LogId, Lsn, StoreId } from '#libs/kernel';
import type { PrimaryStore } from '#libs/stores';
import type { Log } from '#libs/telemetry';
import { holdCollection } from './collection-hold.js';
import { storedRecords } from './stored-records.js';

export interface RebuildContext {
  readonly clock: Clock;
  readonly log: Log;
  readonly catalogs: CatalogFiles;
  readonly primary: PrimaryStore;
  readonly replicaIds: readonly StoreId[];
  readonly logId: LogId;
  readonly checkpointLsn: Lsn;
  /** Last LSN of the log. */
  readonly lastLsn: Lsn;
  /** Files may have been in a log that is not there any more. */
  readonly logWasGone: boolean;
  /** False where this start made the primary: then nobody has stored anything yet. */
  readonly mayHaveLost: boolean;
}

export interface RebuiltCatalog {
  readonly catalog: Catalog;
  readonly damagedManifests: number;
  /** Files whose manifest could not be read. */
  readonly unreadable: readonly FileId[];
}

/** Every file and every tombstone is owed to every replica anew: what they hold is not known. Throws `log_behind`. */
export async function rebuildCatalog(context: RebuildContext): Promise<RebuiltCatalog> {
  const { catalogs, primary } = context;
  const { logWasGone, mayHaveLost, replicaIds, clock } = context;
  const unreadable: FileId[] = [];
  let damagedManifests = 0;
  const catalog = await catalogs.create(primary.identity.clusterId, async (building) => {
    for (const kind of ['manifest', 'tombstone'] as const) {
      // Tombstones last: where both stand, the delete was interrupted, and the file stays deleted.
      for await (const { frames, damaged } of storedRecords(primary, kind)) {
        for (const frame of frames) assertWithinLog(context, frame);
        fill(
          building,
          context,
          frames.map(effectOf).flatMap((effect) => (effect.kind === 'none' ? [] : [catalogChange(effect)])),
        );
        damagedManifests += reportDamage(context, kind, damaged);
        // A tombstone has no chunks.
        if (kind === 'manifest') unreadable.push(...damaged);
        // Keeps SQLite's log as small as a page of files; else a large rebuild would need many times the catalog's size.
        building.makeDurable();
      }
    }
    fill(building, context, []);
    holdCollection(building, { unreadable, logWasGone, mayHaveLost, replicaIds }, clock.now());
  });
  return { catalog, damagedManifests, unreadable };
}

function fill(
  catalog: Catalog,
  { logId, checkpointLsn, replicaIds, clock }: RebuildContext,
  changes: CatalogChange[],
): void {
  const place = { logId, appliedLsn: checkpointLsn, replicaIds };
  catalog.apply({ changes, ...place, nowMs: clock.now(), putOperation: 'verify' });
}

/** A manifest was written only after its record was durable: one above the log's end proves that the log lost its tail. */
export function assertWithinLog({ logId, lastLsn }: Pick<RebuildContext, 'logId' | 'lastLsn'>, frame: Frame): void {
  if (frame.logId !== logId || frame.lsn <= lastLsn) return;
  throw new StoreError(
    'log_behind',
    `The log ends at LSN ${lastLsn} but the primary holds LSN ${frame.lsn}: is an old copy of wal/ in place? Put the newer one back; without one, \`npm run holdfast -- wal repair\` says what can be kept.`,
    { context: { log_id: logId, log_last_lsn: lastLsn, applied_lsn: frame.lsn } },
  );
}

function reportDamage({ log, primary }: RebuildContext, kind: string, damaged: readonly FileId[]): number {
  for (const id of damaged) log.error({ store: primary.identity.name, kind, id }, 'a record on the store is damaged');
  return damaged.length;
}
