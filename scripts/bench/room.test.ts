import { tmpdir } from 'node:os';
import { expect, it } from 'vitest';
import { lackOfRoom } from './room.js';

it('a cell that the disk has no room for is told so, and one that fits is not', async () => {
  expect(await lackOfRoom(tmpdir(), { diskBytes: 2 ** 60 })).toMatch(/has less than \d+ GiB free/);
  expect(await lackOfRoom(tmpdir(), { diskBytes: -(2 ** 31) })).toBeUndefined();
});
