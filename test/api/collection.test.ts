/** The collection of garbage in the server itself: it runs, it keeps what is needed, and it stops with the server. */
import { createHash, randomBytes } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { store } from '../server/file-client.js';
import { startServer } from '../server/harness.js';
import { ask } from '../server/http-client.js';
import { CHUNK_SIZE, filesBelow } from '../server/installation.js';

it('frees the bytes of a deleted file, and those of an upload that a kill cut off, and no others', async () => {
  const server = await startServer({ GC_GRACE: '0ms' });
  const { primary } = server.installation;
  const chunks = (): Promise<string[]> => filesBelow(join(primary, 'chunks'));
  const kept = randomBytes(2 * CHUNK_SIZE);
  const { file_id: keptId } = await store(server.url, { name: 'kept', content: kept });
  const keptChunks = await chunks();
  const { file_id: goneId } = await store(server.url, { name: 'gone', content: randomBytes(3 * CHUNK_SIZE) });
  expect(await chunks()).toHaveLength(5);
  expect((await ask(`${server.url}/files/${goneId}`, { method: 'DELETE' })).status).toBe(204);
  await expect.poll(chunks, { timeout: 20_000 }).toEqual(keptChunks);

  await server.process.stop('SIGKILL');
  const orphan = randomBytes(CHUNK_SIZE);
  const chunkId = createHash('sha256').update(orphan).digest('hex');
  await writeFile(join(primary, 'chunks', chunkId.slice(0, 2), chunkId), orphan);
  await server.start();
  await expect.poll(chunks, { timeout: 20_000 }).toEqual(keptChunks);
  expect((await ask(`${server.url}/read/${keptId}`)).body.equals(kept)).toBe(true);
  expect(await server.process.stop('SIGTERM')).toEqual({ code: 0, signal: null });
});
