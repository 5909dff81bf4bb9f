/**
 * Where things are kept: directories, the catalog's database file, the list of replicas. Relative paths are taken from
 * the package root and never from the working directory: a server started from elsewhere must find the same data.
 *
 * Only spellings are judged here, never the disk, so two paths that meet through a symbolic link pass. Opening the
 * stores settles that: the same store_id twice is refused there.
 */

import { StoreError } from '#libs/kernel';
import path from 'node:path';
import { isS3Location, parseS3Location, type S3Address } from './s3-location.js';
import { accepted, refused, type Parsed, type ValueKind } from './value-kind.js';

interface Named {
  /** Unique among the replicas; it appears in answers, logs and metrics. */
  readonly name: string;
}

export interface DirectoryLocation extends Named {
  readonly kind: 'directory';
  readonly path: string;
}

export interface S3Location extends Named, S3Address {}

/** Where a replica is; without secrets. */
export type ReplicaLocation = DirectoryLocation | S3Location;

/** Names go into metric labels, log lines and URLs as they are. */
export const NAME_PATTERN = /^[a-z0-9][a-z0-9_-]{0,63}$/;
export const NAME_RULE = 'a to z, 0 to 9, _ and -, at most 64, the first a letter or digit';

/** The name under which the first store is reported. */
const PRIMARY_NAME = 'primary';

function parseDirectory(text: string, packageRoot: string): Parsed<string> {
  if (text === '') return refused('is empty where a path is needed');
  if (text.trim() !== text) return refused('has a space around a path');
  const scheme = /^([a-z][a-z0-9+.-]*):\/\//i.exec(text)?.[1];
  if (scheme?.toLowerCase() === 's3') return refused('is an s3:// location, which only REPLICAS may be');
  if (scheme !== undefined) return refused(`is a ${scheme}:// location, which is not supported: only directories are`);
  return accepted(path.resolve(packageRoot, text));
}

export const directory: ValueKind<string> = { accepts: 'a path', parse: parseDirectory };

const SQLITE_SCHEME = 'sqlite:';

/** A database that forgets, or options nobody reads, would be accepted in silence if every text were a path. */
export const sqliteFile: ValueKind<string> = {
  accepts: `${SQLITE_SCHEME} and the path of a file`,
  parse: (text, packageRoot) => {
    if (!text.startsWith(SQLITE_SCHEME))
      return refused(`does not start with ${SQLITE_SCHEME}, the only kind supported`);
    const file = text.slice(SQLITE_SCHEME.length);
    if (file === ':memory:') return refused('is kept in memory only; the catalog needs a file');
    if (/^\/\/[^/]/.test(file))
      return refused(`names a host; a file is ${SQLITE_SCHEME}/absolute or ${SQLITE_SCHEME}./relative`);
    if (/[?#]/.test(file)) return refused('has options after the path, which are not supported');
    if (file.endsWith('/')) return refused('is a directory; the catalog needs a file');
    return parseDirectory(file, packageRoot);
  },
};

/** `[name=]location`; an `=` behind the first slash belongs to the location. */
function parseReplica(item: string, packageRoot: string): Parsed<ReplicaLocation> {
  const named = /^([^=/]*)=(.*)$/s.exec(item);
  const place = parsePlace(named?.[2] ?? item, packageRoot);
  if ('problem' in place) return place;
  const name = named?.[1] ?? lastPartOf(place.value);
  if (!NAME_PATTERN.test(name)) {
    const advice = named === null ? '; give it one as name=path' : '';
    return refused(`would name a replica ${JSON.stringify(name)}, but a name is ${NAME_RULE}${advice}`);
  }
  if (name === PRIMARY_NAME) return refused(`would name a replica ${PRIMARY_NAME}, the name of the first store`);
  return accepted({ name, ...place.value });
}

function parsePlace(text: string, packageRoot: string): Parsed<Omit<DirectoryLocation, 'name'> | S3Address> {
  if (isS3Location(text)) return parseS3Location(text);
  const parsed = parseDirectory(text, packageRoot);
  return 'problem' in parsed ? parsed : accepted({ kind: 'directory', path: parsed.value });
}

function lastPartOf(place: Omit<DirectoryLocation, 'name'> | S3Address): string {
  if (place.kind === 'directory') return path.basename(place.path);
  return place.prefix === '' ? place.bucket : path.posix.basename(place.prefix);
}

export const replicaList: ValueKind<readonly ReplicaLocation[]> = {
  accepts:
    'a comma-separated list of [name=]path or [name=]s3://bucket[/prefix]?endpoint=…&region=…, or empty for none',
  parse: (text, packageRoot) => {
    if (text === '') return accepted([]);
    const replicas: ReplicaLocation[] = [];
    for (const item of text.split(',')) {
      const parsed = parseReplica(item, packageRoot);
      if ('problem' in parsed) return parsed;
      const { name } = parsed.value;
      if (replicas.some((replica) => replica.name === name))
        return refused(`has two replicas named ${name}; tell them apart as name=path`);
      replicas.push(parsed.value);
    }
    return accepted(replicas);
  },
};

/** Where a store is, said in a command and not in the settings; a path starts from `directory`. Throws `setting_invalid`. */
export function parseLocation(text: string, directoryPath: string): ReplicaLocation {
  const parsed = parsePlace(text, directoryPath);
  if ('problem' in parsed) throw new StoreError('setting_invalid', `${text} ${parsed.problem}.`);
  return { name: lastPartOf(parsed.value), ...parsed.value };
}

/** Whether one of two absolute paths is, or lies inside, the other. */
export function pathsOverlap(one: string, other: string): boolean {
  return isWithin(one, other) || isWithin(other, one);
}

function isWithin(inner: string, outer: string): boolean {
  const relative = path.relative(outer, inner);
  return relative === '' || !(relative === '..' || relative.startsWith(`..${path.sep}`) || path.isAbsolute(relative));
}
