/** Whether two device numbers may be those of one file system. Pure. */

/** Major number of the devices that the kernel makes up: of btrfs for each subvolume, of network file systems, of overlays. */
const ANONYMOUS = 0;

/** What has a disk of its own has its number; of two numbers that were made up nothing can be told. */
export function mayBeOneFileSystem({ device, other }: { readonly device: number; readonly other: number }): boolean {
  return device === other || (majorOf(device) === ANONYMOUS && majorOf(other) === ANONYMOUS);
}

/** As Linux packs `dev_t` for programs; the bits above the low twelve of a major number are of no disk known. */
function majorOf(device: number): number {
  return Math.floor(device / 2 ** 8) % 2 ** 12;
}
