/** What a rebuild would do, or has done, said as exactly as it can be known. */
import type { LackedFile, RebuildOptions, RebuildPlan, RebuildReport, RebuildSources } from '#libs/recovery';
import { sizeText } from '#libs/terminal';
import { quoted } from '../terminal.js';

/** Of each kind, for people; `--json` has all. */
const SHOWN = 20;

export function planJson({ sources, files, tombstones, lacked }: RebuildPlan, options: RebuildOptions): object {
  return {
    outcome: 'planned',
    ...sourcesJson(sources),
    files,
    tombstones,
    lacked: lacked.map(lackedJson),
    command: doCommand(options),
  };
}

export function reportJson(report: RebuildReport): object {
  const { sources, files, tombstones, filesFromLog, lacked, damaged, corrupt, lost } = report;
  return {
    outcome: 'done',
    ...sourcesJson(sources),
    store_id: sources.marker.storeId,
    files,
    tombstones,
    files_from_log: filesFromLog,
    reached_lsn: report.reachedLsn,
    lacked: lacked.map(lackedJson),
    damaged: damaged.map(({ fileId, fileName, missingChunks }) => ({
      file_id: fileId,
      file_name: fileName,
      missing_chunks: missingChunks,
    })),
    lost: lost.map((fileId) => ({ file_id: fileId })),
    corrupt_objects: corrupt.map(({ store, kind, id }) => ({ store, kind, id })),
    failed_stores: report.failedStores,
    catalog_set_aside: report.catalogSetAside ?? null,
  };
}

const lackedJson = ({ fileId, fileName, sizeBytes, on }: LackedFile): object => ({
  file_id: fileId,
  file_name: fileName,
  file_size: sizeBytes,
  on,
});

function sourcesJson({ source, replicas, log, isResumed }: RebuildSources): object {
  return {
    cluster_id: source.identity.clusterId,
    from: { store_id: source.identity.storeId, name: source.identity.name },
    resumed: isResumed,
    replicas: replicas.map(({ name, place, state, found, error }) => ({
      name,
      url: place.location,
      state,
      store_id: found?.storeId ?? null,
      error: error?.message ?? null,
    })),
    log: log.kind,
    log_refusal: log.kind === 'refused' ? { code: log.refusal.code, message: log.refusal.message } : null,
  };
}

export function* planText(plan: RebuildPlan, options: RebuildOptions): Generator<string> {
  const { sources, files, tombstones, lacked } = plan;
  const { name, clusterId } = sources.source.identity;
  yield `${options.source.location} is the store ${name} of installation ${clusterId}. It has ${count(files, 'file')} and ${count(tombstones, 'tombstone')}.`;
  yield* sourcesText(sources);
  yield* lackedText(lacked, options.others);
  yield '';
  yield `A rebuild would ${sources.isResumed ? 'go on with' : 'make'} a primary of it in ${options.storagePath}. It removes nothing; a catalog that is there is set aside. Nothing was changed yet.`;
  yield `  ${doCommand(options)}`;
}

const doCommand = ({ from, others }: RebuildOptions): string =>
  `npm run holdfast -- rebuild --from ${from}${others === 'taken' ? ' --complete' : ''} --yes`;

export function* reportText(report: RebuildReport, others: RebuildOptions['others']): Generator<string> {
  const { sources, files, tombstones, filesFromLog, lacked, damaged, corrupt, lost, failedStores } = report;
  yield `The primary is rebuilt: ${count(files, 'file')}, ${count(tombstones, 'tombstone')}, up to LSN ${report.reachedLsn}. The server can start; it builds the catalog.`;
  if (filesFromLog > 0) yield `${count(filesFromLog, 'file')} came from the log; the replica had not seen them yet.`;
  if (report.catalogSetAside !== undefined) yield `The old catalog is in ${report.catalogSetAside}.`;
  yield* sourcesText(sources);
  for (const store of failedStores) yield `${store} failed on the way: what only it has is not known.`;
  yield* lackedText(lacked, others);
  yield* list(
    'Damaged, because no reachable store has all of it; a read fails until a replica that has it is back:',
    damaged.map(
      ({ fileId, fileName, missingChunks }) =>
        `${fileId} ${quoted(fileName)}: ${count(missingChunks, 'chunk')} missing`,
    ),
  );
  yield* list('Lost, because no reachable store has a whole manifest of it:', lost);
  yield* list(
    'Damaged on the replicas, and not copied:',
    corrupt.map(({ store, kind, id }) => `${store}: ${kind} ${id}`),
  );
}

function* sourcesText({ replicas, log }: RebuildSources): Generator<string> {
  for (const { name, place, state, error } of replicas) {
    if (state === 'source' || state === 'reachable') continue;
    const why = error === undefined ? 'holds no store' : `cannot be reached (${error.message})`;
    yield `${name} at ${place.location} ${why}: what only it knows, deletes included, is not known here. It will be offline until it is back at a start, or \`npm run holdfast -- adopt ${name}\` makes a new one there.`;
  }
  if (log.kind === 'usable') yield 'The log is there: what it has and the replicas have not is taken from it.';
  if (log.kind === 'refused') {
    yield `A start refuses the log (${log.refusal.code}), so nothing of it is used. After the rebuild: npm run holdfast -- wal repair`;
  }
}

function* lackedText(lacked: readonly LackedFile[], others: RebuildOptions['others']): Generator<string> {
  const title =
    others === 'taken'
      ? 'The replica lacks these; with --complete they are taken from another one:'
      : 'The replica lacks these, which another one has; --complete takes them too:';
  yield* list(
    title,
    lacked.map(
      ({ fileId, fileName, sizeBytes, on }) => `${fileId} ${quoted(fileName)}, ${sizeText(sizeBytes)}, on ${on}`,
    ),
  );
}

function* list(title: string, lines: readonly string[]): Generator<string> {
  if (lines.length === 0) return;
  yield '';
  yield `${title} (${lines.length})`;
  for (const line of lines.slice(0, SHOWN)) yield `  ${line}`;
  if (lines.length > SHOWN) yield `  and ${lines.length - SHOWN} more; --json names all`;
}

const count = (number: number, what: string): string => `${number} ${what}${number === 1 ? '' : 's'}`;
