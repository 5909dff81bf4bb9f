/**
 * `rebuild.json` in the root of a primary that is being rebuilt: from before its first object until its identity stands
 * durably. A start refuses where it stands, because a primary that lacks files would have them deleted nowhere and served
 * nowhere; and a rebuild goes on only where it says that the half belongs to the same rebuild.
 */
import { durableReplace } from '#libs/durable-fs';
import type { FileSystem } from '#libs/durable-fs';
import { isUuid, StoreError, systemErrorCode } from '#libs/kernel';
import type { ClusterId, StoreId } from '#libs/kernel';
import { join } from 'node:path';

const MARKER_FILE = 'rebuild.json';
const FORMAT = 1;

/** What may stand in a primary before its rebuild: locks of the commands, and what a file system's own root has. */
const NOBODYS = /^(LOCK.*|lost\+found|rebuild\.json\.tmp)$/;

export interface RebuildMarker {
  readonly clusterId: ClusterId;
  /** Of the primary to be: given once, however often the rebuild is begun anew. */
  readonly storeId: StoreId;
  readonly sourceId: StoreId;
  /** What `--from` said. */
  readonly from: string;
}

export const rebuildCommand = (from: string): string =>
  `npm run holdfast -- rebuild --from ${/^[\w./:=&?+@,-]+$/.test(from) ? from : `'${from.replaceAll("'", "'\\''")}'`}`;

/** The marker at `root`, or undefined. Throws `store_unreadable`. */
export async function readMarker(fs: FileSystem, root: string): Promise<RebuildMarker | undefined> {
  const path = join(root, MARKER_FILE);
  let text: string;
  try {
    text = (await fs.readFile(path)).toString('utf8');
  } catch (error) {
    if (systemErrorCode(error) === 'ENOENT') return undefined;
    throw error;
  }
  const json = parse(text);
  const { cluster_id: clusterId, store_id: storeId, source_id: sourceId, from } = json;
  if (json['format'] === FORMAT && isUuid(clusterId) && isUuid(storeId) && isUuid(sourceId)) {
    return {
      clusterId: clusterId as ClusterId,
      storeId: storeId as StoreId,
      sourceId: sourceId as StoreId,
      from: String(from),
    };
  }
  throw new StoreError(
    'store_unreadable',
    `${path} does not say what is being rebuilt there. Empty ${root} and begin the rebuild anew.`,
    { context: { path } },
  );
}

function parse(text: string): Record<string, unknown> {
  try {
    return (JSON.parse(text) ?? {}) as Record<string, unknown>;
  } catch {
    return {};
  }
}

export async function writeMarker(fs: FileSystem, root: string, marker: RebuildMarker): Promise<void> {
  const { clusterId, storeId, sourceId, from } = marker;
  const json = { format: FORMAT, cluster_id: clusterId, store_id: storeId, source_id: sourceId, from };
  await durableReplace(fs, join(root, MARKER_FILE), Buffer.from(`${JSON.stringify(json, null, 2)}\n`));
}

export async function removeMarker(fs: FileSystem, root: string): Promise<void> {
  await fs.unlink(join(root, MARKER_FILE));
  await fs.syncDirectory(root);
}

/** Throws `primary_partial` where a rebuild has begun and not ended. */
export async function assertNotHalfBuilt(fs: FileSystem, root: string): Promise<void> {
  const marker = await readMarker(fs, root);
  if (marker === undefined) return;
  const command = `${rebuildCommand(marker.from)} --yes`;
  throw new StoreError(
    'primary_partial',
    `${root} is a primary whose rebuild was interrupted. Let it go on: ${command}`,
    { context: { path: root, command } },
  );
}

/** Names in the root that are neither ours nor nobody's. A place that is not there has none. */
export async function entriesOf(fs: FileSystem, root: string): Promise<string[]> {
  if ((await fs.stat(root)) === undefined) return [];
  return (await fs.readDirectory(root)).filter((name) => !NOBODYS.test(name));
}
