/**
 * Rules that hold between settings, each of them fine alone. A rule runs when every setting it needs could be read, so
 * one start reports as much as can be known.
 */

import { isLoopbackHost } from './address.js';
import { pathsOverlap } from './location.js';
import { s3LocationText, s3PlacesOverlap } from './s3-location.js';
import type { Settings } from './settings-table.js';

export interface BrokenRule {
  /** The settings to change, the likeliest first. */
  readonly fields: readonly (keyof Settings)[];
  /** Completes "… is refused because it …". */
  readonly problem: string;
  readonly advice: string;
}

/** One manifest is one log frame of at most 16 MiB, with 44 bytes a chunk; what is left holds names and attributes. */
const MAX_CHUNKS_PER_FILE = 300_000;

/** A stream needs one chunk to move, so this is the least number of streams that move at the same time. */
const MIN_BUFFERED_CHUNKS = 4;

/** A segment is freed only when a later one is active: a log of fewer could never free anything. */
const MIN_LOG_SEGMENTS = 2;

interface Rule<Field extends keyof Settings> {
  readonly needs: readonly Field[];
  readonly check: (settings: Pick<Settings, Field>) => readonly BrokenRule[];
}

/** Lets each rule see exactly the settings that it declares to need. */
const rule = <Field extends keyof Settings>(
  needs: readonly Field[],
  check: Rule<Field>['check'],
): ((settings: Partial<Settings>) => readonly BrokenRule[]) => {
  const isReadable = (settings: Partial<Settings>): settings is Partial<Settings> & Pick<Settings, Field> =>
    needs.every((field) => settings[field] !== undefined);
  return (settings) => (isReadable(settings) ? check(settings) : []);
};

const RULES = [
  rule(['maxFileSizeBytes', 'chunkSizeBytes'], ({ maxFileSizeBytes, chunkSizeBytes }) =>
    Math.ceil(maxFileSizeBytes / chunkSizeBytes) <= MAX_CHUNKS_PER_FILE
      ? []
      : [
          {
            fields: ['maxFileSizeBytes', 'chunkSizeBytes'],
            problem: `allows a file of more than ${MAX_CHUNKS_PER_FILE} chunks, which one log frame cannot describe`,
            advice: 'lower MAX_FILE_SIZE or raise CHUNK_SIZE',
          },
        ],
  ),
  rule(['walMaxSizeBytes', 'walSegmentSizeBytes'], ({ walMaxSizeBytes, walSegmentSizeBytes }) =>
    walMaxSizeBytes >= MIN_LOG_SEGMENTS * walSegmentSizeBytes
      ? []
      : [
          {
            fields: ['walMaxSizeBytes', 'walSegmentSizeBytes'],
            problem: `leaves room for fewer than ${MIN_LOG_SEGMENTS} segments, and a log of one can never free its space`,
            advice: 'raise WAL_MAX_SIZE or lower WAL_SEGMENT_SIZE',
          },
        ],
  ),
  rule(['bufferBudgetBytes', 'chunkSizeBytes'], ({ bufferBudgetBytes, chunkSizeBytes }) =>
    bufferBudgetBytes >= MIN_BUFFERED_CHUNKS * chunkSizeBytes
      ? []
      : [
          {
            fields: ['bufferBudgetBytes', 'chunkSizeBytes'],
            problem: `leaves room for fewer than ${MIN_BUFFERED_CHUNKS} chunks, and every transfer needs one to move`,
            advice: 'raise BUFFER_BUDGET or lower CHUNK_SIZE',
          },
        ],
  ),
  rule(['host', 'apiKeys'], ({ host, apiKeys }) =>
    apiKeys.length > 0 || isLoopbackHost(host)
      ? []
      : [
          {
            fields: ['host'],
            problem:
              'can be reached from other machines, and with no API_KEY anyone there could read and delete every file',
            advice: 'set API_KEY or HOST=127.0.0.1',
          },
        ],
  ),
  rule(['replicationWait', 'replicas'], ({ replicationWait, replicas }) =>
    replicationWait === 'all' || replicationWait <= replicas.length
      ? []
      : [
          {
            fields: ['replicationWait'],
            problem: `waits for more replicas than the ${replicas.length} of REPLICAS`,
            advice: 'set REPLICATION_WAIT=all or add replicas',
          },
        ],
  ),
  rule(['workers', 'redisUrl'], ({ workers, redisUrl }) =>
    workers === 'embedded' || redisUrl !== ''
      ? []
      : [
          {
            fields: ['workers'],
            problem: 'leaves the copying to other processes, and without REDIS_URL no job can reach them',
            advice: 'set REDIS_URL or WORKERS=embedded',
          },
        ],
  ),
  rule(['storagePath', 'replicas', 'walPath', 'catalogPath'], (places) => overlappingPlaces(places)),
  rule(['replicas'], ({ replicas }) => overlappingBuckets(replicas)),
];

/** Every broken rule; settings that could not be read are absent from `settings`. */
export function brokenRules(settings: Partial<Settings>): readonly BrokenRule[] {
  return RULES.flatMap((check) => check(settings));
}

type Places = Pick<Settings, 'storagePath' | 'replicas' | 'walPath' | 'catalogPath'>;

/**
 * A place inside another is copied, listed, collected and lost with it, and a store inside itself grows without end.
 */
function overlappingPlaces(places: Places): readonly BrokenRule[] {
  const named: readonly { field: keyof Places; what: string; path: string }[] = [
    { field: 'storagePath', what: 'the primary', path: places.storagePath },
    ...places.replicas
      .filter((replica) => replica.kind === 'directory')
      .map(({ name, path }) => ({ field: 'replicas' as const, what: `replica ${name}`, path })),
    { field: 'walPath', what: 'the log', path: places.walPath },
    { field: 'catalogPath', what: 'the catalog', path: places.catalogPath },
  ];
  return named.flatMap((later, index) =>
    named
      .slice(0, index)
      .filter((earlier) => pathsOverlap(earlier.path, later.path))
      .map((earlier) => ({
        fields: [...new Set([later.field, earlier.field])],
        problem: `puts ${later.what} (${later.path}) and ${earlier.what} (${earlier.path}) in one place, or one inside the other`,
        advice: 'give each a directory of its own',
      })),
  );
}

function overlappingBuckets(replicas: Settings['replicas']): readonly BrokenRule[] {
  const inBuckets = replicas.filter((replica) => replica.kind === 's3');
  return inBuckets.flatMap((later, index) =>
    inBuckets
      .slice(0, index)
      .filter((earlier) => s3PlacesOverlap(earlier, later))
      .map((earlier) => ({
        fields: ['replicas' as const],
        problem: `puts replica ${later.name} (${s3LocationText(later)}) and replica ${earlier.name} (${s3LocationText(earlier)}) in one place, or one inside the other`,
        advice: 'give each a bucket or a prefix of its own',
      })),
  );
}
