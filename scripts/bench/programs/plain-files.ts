/**
 * The reference of small uploads: plain files with the promise of a 201, as one would write them with node:fs/promises
 * and nothing else. No HTTP, no digest, no catalog. A lane writes one file after the other: temporary, write, fdatasync,
 * rename, fsync of the directory, whose handle stays open. The bytes are random and made before.
 */
import { randomBytes } from 'node:crypto';
import { mkdir, open, rename } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { join } from 'node:path';

export interface PlainFilesOptions {
  readonly directory: string;
  /** Files that are written at the same time. */
  readonly lanes: number;
  /** Directories that the files are spread over. */
  readonly directories: number;
  readonly fileBytes: number;
  readonly warmUpSeconds: number;
  readonly seconds: number;
}

const options = JSON.parse(process.argv[2]!) as PlainFilesOptions;
const bytes = randomBytes(options.fileBytes);

const shards: { readonly path: string; readonly handle: FileHandle }[] = [];
for (let index = 0; index < options.directories; index += 1) {
  const path = join(options.directory, String(index));
  await mkdir(path);
  shards.push({ path, handle: await open(path, 'r') });
}

let serial = 0;

async function writeOne(): Promise<void> {
  serial += 1;
  const shard = shards[serial % shards.length]!;
  const target = join(shard.path, String(serial));
  const temporary = `${target}.tmp`;
  const file = await open(temporary, 'wx');
  try {
    const { bytesWritten } = await file.write(bytes, 0, bytes.length, 0);
    if (bytesWritten !== bytes.length) throw new Error(`wrote ${bytesWritten} bytes of ${bytes.length}`);
    await file.datasync();
  } finally {
    await file.close();
  }
  await rename(temporary, target);
  await shard.handle.sync();
}

/** Files written within so many seconds, all lanes together. */
async function writeFor(seconds: number): Promise<number> {
  let files = 0;
  const endsMs = performance.now() + seconds * 1000;
  const lane = async (): Promise<void> => {
    while (performance.now() < endsMs) {
      await writeOne();
      if (performance.now() < endsMs) files += 1;
    }
  };
  await Promise.all(Array.from({ length: options.lanes }, lane));
  return files;
}

await writeFor(options.warmUpSeconds);
const files = await writeFor(options.seconds);
for (const { handle } of shards) await handle.close();
console.log(JSON.stringify({ files_per_second: files / options.seconds }));
