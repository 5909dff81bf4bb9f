// WAL_RETAIN through the front door: what is kept behind the checkpoint is listed, read, and there after a restart.
import { expect, it } from 'vitest';
import { store } from '../server/file-client.js';
import { startServer } from '../server/harness.js';
import { ask, testBytes } from '../server/http-client.js';

interface Segments {
  readonly segments: readonly { readonly first_lsn: number; readonly last_lsn: number; readonly state: string }[];
  readonly checkpoint_lsn: number;
}

interface Entries {
  readonly entries: readonly { readonly lsn: number }[];
  readonly oldest_lsn: number;
}

async function keptSegments(url: string): Promise<number> {
  const { segments, checkpoint_lsn: checkpoint } = (await ask(`${url}/admin/wal/segments`)).json<Segments>();
  return segments.filter(({ state, last_lsn: last }) => state === 'sealed' && last <= checkpoint).length;
}

/** Segments of 64 KiB: 20 files each, and a checkpoint at every rotation. */
async function fillSegments(url: string): Promise<void> {
  for (let round = 0; round < 10; round += 1) {
    const indexes = Array.from({ length: 15 }, (_, index) => round * 15 + index);
    await Promise.all(indexes.map((index) => store(url, { name: `file-${index}`, content: testBytes(3000, index) })));
  }
}

it.each([
  ['0', 0],
  ['3', 3],
])('WAL_RETAIN=%s keeps as many', async (setting, kept) => {
  const server = await startServer({ WAL_RETAIN: setting });
  await fillSegments(server.url);
  await expect.poll(() => keptSegments(server.url), { timeout: 20_000 }).toBe(kept);
  // The stop takes a checkpoint of its own: of what was needed until then no more stays either.
  await server.restart();
  expect(await keptSegments(server.url)).toBe(kept);
  const { segments } = (await ask(`${server.url}/admin/wal/segments`)).json<Segments>();
  const page = (await ask(`${server.url}/admin/wal/entries?limit=1`)).json<Entries>();
  expect([page.oldest_lsn, page.entries[0]?.lsn]).toEqual([segments[0]?.first_lsn, segments[0]?.first_lsn]);
});
