import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { overwrite } from './stopped-server.js';

/** Overwrites a few bytes of the first chunk that the primary has. */
export async function flipChunkByte(primary: string): Promise<void> {
  const entries = await readdir(join(primary, 'chunks'), { recursive: true, withFileTypes: true });
  const chunk = entries.find((entry) => entry.isFile())!;
  await overwrite(join(chunk.parentPath, chunk.name), 100, Buffer.from('flipped'));
}
