/** A life of deletes that are taken back, and cuts in the middle of that. */
import { ModelledCatalogs } from '#libs/catalog/testing';
import { crashStates } from '#libs/durable-fs/testing';
import { StoreError } from '#libs/kernel';
import type { FileId } from '#libs/kernel';
import { expect, it } from 'vitest';
import { get } from '../store/installation.js';
import { Life } from './life.js';
import type { Cut } from './life.js';
import { CHUNK_SIZE, installedMachine, start, TestClock } from './machine.js';
import type { RunningStore } from './machine.js';
import { bytesOf, FEW_STATES_PER_CUT, LIFE_TIMEOUT, printStates, STATES_PER_CUT, survey } from './survey.js';

it('keeps every promise in every state that a cut in a life of undeletes can leave', LIFE_TIMEOUT, async () => {
  const life = new Life(await installedMachine());
  const shared = bytesOf('shared', 2 * CHUNK_SIZE);
  await life.boot();
  await Promise.all([life.upload('a', bytesOf('a', 60)), life.upload('b', shared), life.upload('c', shared)]);
  await Promise.all([life.delete('a'), life.delete('b')]);
  await life.undelete('b');
  await life.checkpoint();
  await life.undelete('a');
  await life.delete('c');
  await life.checkpoint();
  // Its chunks are those of `b`, which keeps them; `d` is alone and is lost to the collection.
  await life.upload('d', bytesOf('d', CHUNK_SIZE + 9));
  await life.delete('d');
  await life.collect();
  expect(await life.undelete('d')).toMatchObject({ code: 'undelete_impossible' });
  await life.delete('b');
  await life.kill(() => void life.undelete('b'), /^dataSync \/wal/);
  await life.upload('e', bytesOf('e', 3 * CHUNK_SIZE));
  await life.delete('e');
  await life.checkpoint();
  // The collection and the undelete at the same time.
  await Promise.all([life.store.collector.step(), life.undelete('e'), life.store.collector.step()]);
  await life.restart();
  await life.collect();
  const looked = await survey(await life.end(), { statesPerCut: FEW_STATES_PER_CUT });
  expect(printStates('a life of undeletes', looked)).toBeGreaterThan(350);
});

const BYTES = bytesOf('wanted back', 2 * CHUNK_SIZE);

it('leaves the file back or still to be brought back wherever an undelete is cut off', LIFE_TIMEOUT, async () => {
  const life = new Life(await installedMachine());
  await life.boot();
  await life.upload('wanted', BYTES);
  await life.checkpoint();
  await life.delete('wanted');
  // The delete is behind the checkpoint: nothing but what it kept can bring the file back.
  await life.checkpoint();
  const { fileId } = life.deleted.get('wanted')!;
  const first = life.cuts.length;
  await life.undelete('wanted');
  const cuts = (await life.end()).slice(first);
  const outcomes = new Set<string>();
  for (const cut of cuts) {
    for await (const store of bootsFrom(cut)) outcomes.add(await bringBack(store, fileId));
  }
  expect([...outcomes].toSorted()).toEqual(['brought back by the cut one', 'brought back now']);
});

async function* bootsFrom({ disk, images, nowMs }: Cut): AsyncGenerator<RunningStore> {
  for (const [index, { fileSystem }] of [...crashStates(disk, { limit: 10 * STATES_PER_CUT })].entries()) {
    const catalogs = new ModelledCatalogs(images[index % images.length]);
    const store = await start({ fs: fileSystem, catalogs, clock: new TestClock(nowMs) });
    yield store;
    await store.abandon();
  }
}

/** Throws where neither the cut undelete nor another one has the file back, whole. */
async function bringBack({ files }: RunningStore, deletedId: FileId): Promise<string> {
  const [listed] = files.list({ prefix: '', limit: 10, cursor: undefined }).files;
  if (listed !== undefined) {
    assertBytes(await get(files, listed.fileId));
    // It may be done once more, which makes a second copy, or it may not; never anything else.
    await files.undelete(deletedId).catch((error: unknown) => {
      if (!StoreError.is(error, 'undelete_impossible')) throw error;
    });
    return 'brought back by the cut one';
  }
  assertBytes(await get(files, (await files.undelete(deletedId)).fileId));
  return 'brought back now';
}

function assertBytes(bytes: Buffer): void {
  if (!bytes.equals(BYTES)) throw new Error('it is back with other bytes');
}
