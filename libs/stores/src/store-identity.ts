/**
 * `holdfast.json`: who a store is. An identity is made once, when a place becomes a store, and moves with the bytes, so
 * that a swapped, copied or emptied disk is noticed before anything is written to it.
 */
import { durableReplace } from '#libs/durable-fs';
import type { FileSystem } from '#libs/durable-fs';
import { isUuid, StoreError, systemErrorCode } from '#libs/kernel';
import type { ClusterId, StoreId } from '#libs/kernel';
import { join } from 'node:path';

export const IDENTITY_FILE = 'holdfast.json';
const FORMAT = 1;

/** Another store of the same installation, as this one last knew it. */
export interface StorePeer {
  readonly storeId: StoreId;
  readonly name: string;
  readonly location: string;
  /** Taken out of the settings: what it holds is as old as that, so it may not come back as if nothing had happened. */
  readonly removed?: true;
  /** Its id was given when its place could not be reached; nobody has heard of a store there. */
  readonly unmade?: true;
}

export interface StoreIdentity {
  readonly clusterId: ClusterId;
  readonly storeId: StoreId;
  readonly name: string;
  /** The primary remembers its replicas here, also those that were taken out of the settings. */
  readonly peers: readonly StorePeer[];
}

/** The identity at `root`, or undefined where it is no store. Throws `store_unreadable` or `future_format`. */
export async function readIdentity(fs: FileSystem, root: string): Promise<StoreIdentity | undefined> {
  const path = join(root, IDENTITY_FILE);
  let text: string;
  try {
    text = (await fs.readFile(path)).toString('utf8');
  } catch (cause) {
    if (systemErrorCode(cause) === 'ENOENT') return undefined;
    throw unreadable(path, 'it cannot be read', cause);
  }
  return parseIdentity(text, path);
}

export async function writeIdentity(fs: FileSystem, root: string, identity: StoreIdentity): Promise<void> {
  await durableReplace(fs, join(root, IDENTITY_FILE), identityBytes(identity));
}

/** What stands in `holdfast.json`. */
export function identityBytes(identity: StoreIdentity): Buffer {
  const json = {
    format: FORMAT,
    cluster_id: identity.clusterId,
    store_id: identity.storeId,
    name: identity.name,
    peers: identity.peers.map(({ storeId, name, location, removed, unmade }) => ({
      store_id: storeId,
      name,
      location,
      removed,
      unmade,
    })),
  };
  return Buffer.from(`${JSON.stringify(json, null, 2)}\n`);
}

/** Throws `store_unreadable` or `future_format`; `path` is where the text stands, for people. */
export function parseIdentity(text: string, path: string): StoreIdentity {
  let json: Record<string, unknown>;
  try {
    json = JSON.parse(text) as Record<string, unknown>;
  } catch (cause) {
    throw unreadable(path, 'it is no JSON', cause);
  }
  if (json === null || typeof json !== 'object') throw unreadable(path, 'it is no JSON object');
  if (typeof json['format'] === 'number' && json['format'] > FORMAT) {
    throw new StoreError(
      'future_format',
      `${path} was written by a later version of Holdfast; start that version, or a newer one.`,
      { context: { path } },
    );
  }
  const { cluster_id: clusterId, store_id: storeId, name, peers } = json;
  if (json['format'] !== FORMAT) throw unreadable(path, 'it has no format');
  if (!isUuid(clusterId) || !isUuid(storeId) || typeof name !== 'string' || !Array.isArray(peers)) {
    throw unreadable(path, 'it lacks cluster_id, store_id, name or peers');
  }
  return {
    clusterId: clusterId as ClusterId,
    storeId: storeId as StoreId,
    name,
    peers: peers.map((peer) => parsePeer(peer, path)),
  };
}

function parsePeer(peer: unknown, path: string): StorePeer {
  const { store_id: storeId, name, location, removed, unmade } = (peer ?? {}) as Record<string, unknown>;
  if (!isUuid(storeId) || typeof name !== 'string' || typeof location !== 'string') {
    throw unreadable(path, 'a peer lacks store_id, name or location');
  }
  return {
    storeId: storeId as StoreId,
    name,
    location,
    ...(removed === true ? { removed } : {}),
    ...(unmade === true ? { unmade } : {}),
  };
}

function unreadable(path: string, why: string, cause?: unknown): StoreError {
  return new StoreError(
    'store_unreadable',
    `${path} does not say which store this is: ${why}. Restore the file from a copy of the store.`,
    {
      context: { path },
      cause,
    },
  );
}
