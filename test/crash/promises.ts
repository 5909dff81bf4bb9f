/** Asks a server that has recovered for everything that its clients may believe. */
import { randomInt } from 'node:crypto';
import { readdir } from 'node:fs/promises';
import { ask, sha256 } from '../server/http-client.js';
import type { ClientModel, Observed } from './model.js';

const CHECKS_AT_ONCE = 16;

interface Listing {
  readonly files: readonly { readonly file_id: string; readonly file_name: string }[];
  readonly next_cursor: string | null;
}

export interface Recovered {
  readonly url: string;
  /** Where this process finds the directory `staging` of the primary. */
  readonly staging: string;
}

/** Every promise about the checked files that does not hold now, and everything half-written that can be seen. */
export async function brokenPromises(
  { url, staging }: Recovered,
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
  for (const left of await readdir(staging)) broken.push(`staging holds ${left}`);
  return broken;
}

/** All files that were touched since they were last checked, and up to `olderCount` of the others. */
export function filesToCheck(model: ClientModel, olderCount: number): Set<string> {
  return new Set([...model.unchecked(), ...sample(model.all(), olderCount)]);
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
