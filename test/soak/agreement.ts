/** Whether every store holds what was acknowledged, and nothing that was deleted, byte for byte. */
import { decodeManifest, decodeWholeFrame } from '#libs/kernel';
import { readFile } from 'node:fs/promises';
import type { ClientModel } from '../crash/model.js';
import { REPLICAS } from '../replication/fleet.js';
import type { Fleet } from '../replication/fleet.js';
import { contentOf, recordPath } from '../replication/stores.js';
import type { StoreContent } from '../replication/stores.js';

export interface Agreement {
  readonly faults: readonly string[];
  /** One line of counts. */
  readonly summary: string;
}

export async function agreementOf(fleet: Fleet, model: ClientModel): Promise<Agreement> {
  const { primary: root } = fleet.installation;
  const primary = await contentOf(root);
  const existing = model.existing();
  const deleted = model.all().filter((fileId) => model.believesDeleted(fileId));
  const chunkIds = new Set<string>();
  for (const fileId of Object.keys(primary.manifests)) {
    for (const chunkId of await chunksOf(root, fileId)) chunkIds.add(chunkId);
  }
  const expected = { existing: new Set(existing), deleted, chunkIds, primary };
  const faults: string[] = [];
  const garbage: string[] = [];
  for (const name of ['primary', ...REPLICAS] as const) {
    const content = name === 'primary' ? primary : await contentOf(fleet.replica(name));
    faults.push(...faultsOf(content, expected).map((fault) => `${name}: ${fault}`));
    garbage.push(`${name} ${Object.keys(content.chunks).length - chunkIds.size}`);
  }
  const counts = `${existing.length} files, ${chunkIds.size} chunks, ${deleted.length} deleted`;
  return { faults, summary: `${counts}; chunks that no file has: ${garbage.join(', ')}` };
}

interface ExpectedContent {
  readonly existing: ReadonlySet<string>;
  readonly deleted: readonly string[];
  readonly chunkIds: ReadonlySet<string>;
  readonly primary: StoreContent;
}

function faultsOf({ manifests, tombstones, chunks }: StoreContent, expected: ExpectedContent): string[] {
  const { existing, deleted, chunkIds, primary } = expected;
  const faults: string[] = [];
  for (const fileId of existing) if (!(fileId in manifests)) faults.push(`${fileId} has no manifest`);
  for (const [fileId, digest] of Object.entries(manifests)) {
    if (!existing.has(fileId)) faults.push(`${fileId} has a manifest and should not be`);
    if (primary.manifests[fileId] !== digest) faults.push(`${fileId} has another manifest than on the primary`);
    if (fileId in tombstones) faults.push(`${fileId} has both manifest and tombstone`);
  }
  for (const fileId of deleted) {
    if (!(fileId in tombstones)) faults.push(`${fileId} has no tombstone`);
    else if (tombstones[fileId] !== primary.tombstones[fileId]) faults.push(`${fileId} has another tombstone`);
  }
  for (const chunkId of chunkIds) if (!(chunkId in chunks)) faults.push(`the chunk ${chunkId} is missing`);
  for (const [chunkId, digest] of Object.entries(chunks)) {
    if (chunkId !== digest) faults.push(`the chunk ${chunkId} has other bytes`);
  }
  return faults;
}

async function chunksOf(root: string, fileId: string): Promise<string[]> {
  const decoded = decodeWholeFrame(await readFile(recordPath(root, 'manifests', fileId)));
  if (!decoded.ok) throw new Error(`the manifest of ${fileId} does not hold: ${decoded.bad.reason}`);
  const { content } = decodeManifest(decoded.frame);
  return content.kind === 'chunks' ? content.chunks.map(({ chunkId }) => chunkId) : [];
}
