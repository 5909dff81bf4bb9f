/**
 * What a server still owes its replicas, and what stands there. A lag of nothing is believed only where the replica has
 * every file: of replicas that the server does not know, or has not begun to fill, the lag is nothing too.
 */
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { httpGet } from './http-get.js';
import { primaryOf } from './server.js';
import type { Server } from './server.js';

const TIMEOUT_MS = 300_000;
const LEAST_PAUSE_MS = 10;
/** The server answers by counting what is owed: looking may take no more than a tenth of its time. */
const PAUSE_PER_LOOK = 10;

/** Files that are owed to the replica that is owed most. Throws where the server has another number of replicas. */
export async function lagOf({ url }: Pick<Server, 'url'>, replicas: number): Promise<number> {
  const { status, text } = await httpGet(`${url}/admin/replicas/status`);
  if (status !== 200) throw new Error(`/admin/replicas/status answers ${status}`);
  return largestLag(text, replicas);
}

/** Pure. */
export function largestLag(statusText: string, replicas: number): number {
  const { stores } = JSON.parse(statusText) as { stores: { name: string; state: string; lag: { files: number } }[] };
  if (stores.length !== replicas) throw new Error(`the server has ${stores.length} replicas, not ${replicas}`);
  for (const { name, state } of stores) if (state !== 'online') throw new Error(`${name} is ${state}`);
  return Math.max(...stores.map(({ lag }) => lag.files));
}

export interface Expected {
  /** Directories of the replicas. */
  readonly replicas: readonly string[];
  readonly files: number;
}

/** Resolves when nothing is owed and every replica has so many files. */
export async function untilFilled(server: Server, { replicas, files }: Expected): Promise<void> {
  await until(async () => {
    if ((await lagOf(server, replicas.length)) > 0) return false;
    const counts = await Promise.all(replicas.map((path) => countObjects(path, 'manifests')));
    return counts.every((count) => count === files);
  }, `the replicas do not come to have ${files} files`);
}

/** Resolves when nothing is owed. Only for what is owed already: of what is still to be ordered the server says nothing. */
export async function untilNothingOwed(server: Server, replicas: number): Promise<void> {
  await until(async () => (await lagOf(server, replicas)) === 0, 'there is still something owed');
}

/** Throws where a replica has another number of files than the primary. Gives that number. */
export async function assertCopied(installation: string, replicas: readonly string[]): Promise<number> {
  const files = await countObjects(primaryOf(installation), 'manifests');
  for (const path of replicas) {
    const copies = await countObjects(path, 'manifests');
    if (copies !== files) throw new Error(`nothing is owed, but ${path} has ${copies} files and the primary ${files}`);
  }
  return files;
}

/** The name of a manifest is a UUID, that of a chunk a SHA-256; a temporary one has more to it. */
const OBJECT_NAME = /^[0-9a-f-]{36}$|^[0-9a-f]{64}$/;

export async function countObjects(store: string, kind: 'manifests' | 'chunks'): Promise<number> {
  let count = 0;
  for (const entry of await readdir(join(store, kind), { recursive: true, withFileTypes: true }))
    if (entry.isFile() && OBJECT_NAME.test(entry.name)) count += 1;
  return count;
}

async function until(isReached: () => Promise<boolean>, otherwise: string): Promise<void> {
  const deadlineMs = performance.now() + TIMEOUT_MS;
  while (performance.now() < deadlineMs) {
    const lookedMs = performance.now();
    if (await isReached()) return;
    await delay(Math.max(LEAST_PAUSE_MS, (performance.now() - lookedMs) * PAUSE_PER_LOOK));
  }
  throw new Error(`${otherwise} within ${TIMEOUT_MS} ms`);
}
