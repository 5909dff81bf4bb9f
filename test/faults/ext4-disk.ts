/** An ext4 file system in a file of its own, whose power can be cut and which can break so that it goes read-only. */
import { mkdtemp, open, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import type { Mounts } from './mounts.js';

export interface Ext4Options {
  readonly sizeMib: number;
  /** Where the image stands; a directory of its own in the usual place for temporary files if left out. */
  readonly imageDirectory?: string;
}

export class Ext4Disk implements AsyncDisposable {
  readonly imagePath: string;
  readonly #mounts: Mounts;
  readonly #path: string;
  readonly #directory: string;

  private constructor(mounts: Mounts, path: string, directory: string) {
    this.#mounts = mounts;
    this.#path = path;
    this.#directory = directory;
    this.imagePath = join(directory, 'disk.img');
  }

  /** Made and mounted at `path`. The mount goes with `mounts`, the image with the disk. */
  static async create(mounts: Mounts, path: string, { sizeMib, imageDirectory }: Ext4Options): Promise<Ext4Disk> {
    const disk = new Ext4Disk(mounts, path, imageDirectory ?? (await mkdtemp(join(tmpdir(), 'holdfast-disk-'))));
    const image = await open(mounts.seen(disk.imagePath), 'w');
    await image.truncate(sizeMib * 2 ** 20);
    await image.close();
    // Nothing for root alone: the server shall meet the end of the disk. Many inodes, for many small files. Blocks as large
    // as the host's pages: where a write fits on the host only in part, the loop device says that all of it was written.
    await mounts.run('mkfs.ext4', '-q', '-F', '-m', '0', '-i', '8192', '-b', '4096', disk.imagePath);
    await disk.mount();
    return disk;
  }

  /** Mounts it, as a machine does when its power is back: what stands in the journal is done first. */
  async mount(): Promise<void> {
    await this.#mounts.image(this.imagePath, this.#path, ['errors=remount-ro']);
  }

  /** Everything that is not on the disk at this moment is lost; `journal` may be the last thing that is written to it. */
  async cutPower(last: 'journal' | 'nothing'): Promise<void> {
    const flags = last === 'journal' ? ' -f' : '';
    await this.#mounts.run('xfs_io', '-x', '-c', `shutdown${flags}`, this.#path);
  }

  /** Nobody may have a file open here. */
  async unmount(): Promise<void> {
    await this.#mounts.unmount(this.#path);
  }

  /** An error of the file system that it cannot go on with: from here on it can only be read. */
  async breakReadOnly(): Promise<void> {
    const device = (await this.#mounts.run('findmnt', '--noheadings', '--output', 'SOURCE', this.#path)).trim();
    await writeFile(`/sys/fs/ext4/${basename(device)}/trigger_fs_error`, 'broken by a test');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await rm(this.#directory, { recursive: true, force: true });
  }
}
