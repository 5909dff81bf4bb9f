import { expect, it } from 'vitest';
import { fileSystemOf } from './machine.js';

const MOUNTS = [
  '21 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw',
  '22 21 0:21 / /tmp rw,nosuid - tmpfs tmpfs rw,size=1024k',
  '23 21 254:1 / /mnt/my\\040disk rw - xfs /dev/vdb rw',
  '24 21 254:2 / /data rw - ext4 /dev/vdc rw',
  '25 24 254:3 / /data rw - btrfs /dev/vdd rw',
].join('\n');

it.each([
  ['the nearest mount point wins over the root', '/tmp/bench', 'tmpfs on tmpfs'],
  ['a mount point itself', '/tmp', 'tmpfs on tmpfs'],
  ['a name that only begins like a mount point is not below it', '/tmpfile', 'ext4 on /dev/vda'],
  ['a space in a mount point', '/mnt/my disk/x', 'xfs on /dev/vdb'],
  ['of two mounts on one place, the upper', '/data/x', 'btrfs on /dev/vdd'],
])('the file system of a path: %s', (_, path, expected) => {
  expect(fileSystemOf(path, MOUNTS)).toBe(expected);
});

it('the file system is unknown where the system does not tell', () => {
  expect(fileSystemOf('/tmp', '')).toBe('unknown');
});
