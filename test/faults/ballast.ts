/** Fills a disk, as another program would, and empties it again. */
import { systemErrorCode } from '#libs/kernel';
import { mkdir, open, rm } from 'node:fs/promises';
import { join } from 'node:path';

const BLOCK_BYTES = 4096;

/** Takes what the ballast holds away again. */
export type Relief = () => Promise<void>;

/** Takes all space of the disk at `directory` but `leftBytes`. */
export async function fillDisk(directory: string, leftBytes = 0): Promise<Relief> {
  const path = join(directory, 'ballast');
  const file = await open(path, 'w');
  try {
    for (let pieceBytes = 1024 * 1024; pieceBytes >= BLOCK_BYTES;) {
      const { bytesWritten } = await file.write(Buffer.alloc(pieceBytes)).catch(nothingWritten);
      if (bytesWritten < pieceBytes) pieceBytes /= 2;
    }
    const { size } = await file.stat();
    if (leftBytes > 0) await file.truncate(size - leftBytes);
  } finally {
    await file.close();
  }
  return () => rm(path);
}

/** Takes all inodes of the disk at `directory` but `leftFiles`. */
export async function fillInodes(directory: string, leftFiles = 0): Promise<Relief> {
  const ballast = join(directory, 'ballast');
  await mkdir(ballast);
  let count = 0;
  for (let isFull = false; !isFull;) {
    const file = await open(join(ballast, String(count)), 'wx').catch(nothingWritten);
    isFull = 'bytesWritten' in file;
    if ('close' in file) await file.close();
    if (!isFull) count += 1;
  }
  for (let left = 0; left < leftFiles; left += 1) await rm(join(ballast, String(left)));
  return () => rm(ballast, { recursive: true });
}

function nothingWritten(error: unknown): { bytesWritten: number } {
  if (systemErrorCode(error) !== 'ENOSPC') throw error;
  return { bytesWritten: 0 };
}
