/**
 * Rounds of concurrent uploads and deletes, each ended by `kill -9` at a random moment (now and then during the recovery
 * from the last one), each followed by a restart and a look at every promise. `CRASH_ROUNDS` says how many.
 */
import { randomInt } from 'node:crypto';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { ask, sha256 } from '../server/http-client.js';
import { makeInstallation } from '../server/installation.js';
import type { Installation } from '../server/installation.js';
import { ServerProcess } from '../server/server-process.js';
import { loadUntilDeath } from './load.js';
import { ClientModel } from './model.js';
import type { Observed } from './model.js';

const ROUNDS = Number(process.env['CRASH_ROUNDS']);
const MAX_LIFE_MS = 700;
/** One round in so many is killed again while it recovers. */
const KILL_RECOVERY_ONE_IN = 4;
const CHECKS_AT_ONCE = 16;
/** Older files looked at again after each kill; after the last one all of them are. */
const OLDER_CHECKED = 100;

interface Listing {
  readonly files: readonly { readonly file_id: string; readonly file_name: string }[];
  readonly next_cursor: string | null;
}

it(`keeps every promise through ${ROUNDS} kills`, async () => {
  const installation = await makeInstallation();
  const model = new ClientModel();
  let answered = 0;
  let server = new ServerProcess(installation.environment);
  try {
    for (let round = 1; round <= ROUNDS; round += 1) {
      const load = loadUntilDeath(await server.url(), model, round);
      await sleep(randomInt(MAX_LIFE_MS));
      await server.stop('SIGKILL');
      answered += (await load).answered;
      if (randomInt(KILL_RECOVERY_ONE_IN) === 0) await killDuringRecovery(installation);
      server = new ServerProcess(installation.environment);
      const older = round === ROUNDS ? model.all() : sample(model.all(), OLDER_CHECKED);
      const checked = new Set([...model.unchecked(), ...older]);
      expect(await brokenPromises(installation, await server.url(), model, checked), `round ${round}`).toEqual([]);
    }
    // A round in which nothing was answered would prove nothing.
    expect(answered).toBeGreaterThan(ROUNDS);
    expect(await server.stop('SIGTERM')).toEqual({ code: 0, signal: null });
  } finally {
    await server.stop('SIGKILL');
    await installation.remove();
  }
});

async function killDuringRecovery(installation: Installation): Promise<void> {
  const server = new ServerProcess(installation.environment);
  await sleep(200 + randomInt(800));
  await server.stop('SIGKILL');
}

/** Every promise about the checked files that does not hold now, and everything half-written that can be seen. */
async function brokenPromises(
  installation: Installation,
  url: string,
  model: ClientModel,
  checked: ReadonlySet<string>,
): Promise<string[]> {
  const broken: string[] = [];
  const note = (fault: string | undefined): void => {
    if (fault !== undefined) broken.push(fault);
  };
  const listed = await listAll(url);
  for (const { file_id: fileId } of listed) {
    if (model.believesDeleted(fileId)) note(`${fileId} was deleted and is listed`);
  }
  const listedIds = new Set(listed.map(({ file_id: fileId }) => fileId));
  for (const fileId of model.existing()) if (!listedIds.has(fileId)) note(`${fileId} exists and is not listed`);
  const strangers = listed.filter(({ file_id: fileId }) => !model.isKnown(fileId));
  await eachOf(strangers, async (file) => note(model.checkStranger(file, await observe(url, file.file_id))));
  await eachOf([...checked], async (fileId) => note(model.check(fileId, await observe(url, fileId))));
  for (const left of await readdir(join(installation.primary, 'staging'))) broken.push(`staging holds ${left}`);
  return broken;
}

async function observe(url: string, fileId: string): Promise<Observed> {
  const { status, body } = await ask(`${url}/read/${fileId}`);
  return { status, sha256: sha256(body) };
}

async function listAll(url: string): Promise<Listing['files']> {
  const files: Listing['files'][number][] = [];
  for (let cursor: string | null = ''; cursor !== null;) {
    const query: string = cursor === '' ? '' : `&cursor=${encodeURIComponent(cursor)}`;
    const page: Listing = (await ask(`${url}/files?limit=1000${query}`)).json<Listing>();
    files.push(...page.files);
    cursor = page.next_cursor;
  }
  return files;
}

function sample<Item>(items: readonly Item[], count: number): Item[] {
  return items.length <= count ? [...items] : Array.from({ length: count }, () => items[randomInt(items.length)]!);
}

async function eachOf<Item>(items: readonly Item[], task: (item: Item) => Promise<void>): Promise<void> {
  const queue = [...items];
  const lane = async (): Promise<void> => {
    for (let item = queue.pop(); item !== undefined; item = queue.pop()) await task(item);
  };
  await Promise.all(Array.from({ length: CHECKS_AT_ONCE }, lane));
}
