import { CrashFileSystem } from '#libs/durable-fs/testing';
import { describe, expect, it } from 'vitest';
import { DiskReserve } from './disk-reserve.js';

/** A reserve of 100 bytes on a disk with `freeBytes`, at a clock that the test moves. */
async function reserveOn(freeBytes: number) {
  const fs = new CrashFileSystem();
  await fs.makeDirectory('/wal');
  await fs.makeDirectory('/primary');
  fs.availableBytes = freeBytes;
  const clock = { nowMs: 1_764_000_000_000, now: () => clock.nowMs };
  const reserve = new DiskReserve({ fs, clock, paths: ['/wal', '/primary'], reserveBytes: 100 });
  return { fs, clock, reserve };
}

const isFull = expect.objectContaining({ code: 'disk_reserve', retryable: true }) as unknown;

describe('the disk reserve', () => {
  it.each([
    [100, 0, true],
    [99, 0, false],
    [150, 50, true],
    [150, 51, false],
    [0, 0, false],
  ])('with %i bytes free, a claim of %i goes well: %s', async (free, bytes, goesWell) => {
    const { reserve } = await reserveOn(free);
    const outcome = await reserve.claim(bytes).then(
      () => true,
      () => false,
    );
    expect(outcome).toBe(goesWell);
  });

  it('tells how much is free and how much it keeps', async () => {
    const { reserve } = await reserveOn(120);
    await expect(reserve.claim(21)).rejects.toMatchObject({
      code: 'disk_reserve',
      context: { free_bytes: 120, reserve_bytes: 100 },
    });
  });

  it('names the directories whose disk is down to it', async () => {
    const { reserve, fs, clock } = await reserveOn(100);
    expect(await reserve.fullDisks()).toEqual([]);
    fs.availableBytes = 99;
    clock.nowMs += 1000;
    const full = { lacks: 'bytes', free: 99, reserved: 100 };
    expect(await reserve.fullDisks()).toEqual([
      { path: '/wal', ...full },
      { path: '/primary', ...full },
    ]);
  });

  it('counts what others have claimed until they let go of it', async () => {
    const { reserve } = await reserveOn(200);
    const first = await reserve.claim(60);
    await expect(reserve.claim(41)).rejects.toEqual(isFull);
    const second = await reserve.claim(40);
    first.release();
    first.release();
    await expect(reserve.claim(61)).rejects.toEqual(isFull);
    const third = await reserve.claim(60);
    second.release();
    third.release();
    await expect(reserve.claim(100)).resolves.toBeDefined();
  });

  it('a refused claim takes nothing', async () => {
    const { reserve } = await reserveOn(200);
    await expect(reserve.claim(101)).rejects.toEqual(isFull);
    await expect(reserve.claim(100)).resolves.toBeDefined();
  });

  it('two claims at once do not both get the same space', async () => {
    const { reserve } = await reserveOn(200);
    const outcomes = await Promise.allSettled([reserve.claim(60), reserve.claim(60)]);
    expect(outcomes.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
  });

  it('what is spent leaves the claim, and no more than the claim', async () => {
    const { fs, clock, reserve } = await reserveOn(200);
    const claim = await reserve.claim(60);
    await claim.spend(40);
    fs.availableBytes = 160;
    clock.nowMs += 250;
    // 160 free, 100 reserved, 20 claimed: 40 are left.
    await expect(reserve.claim(41)).rejects.toEqual(isFull);
    await claim.spend(40);
    await expect(reserve.claim(61)).rejects.toEqual(isFull);
    claim.release();
    await expect(reserve.claim(60)).resolves.toBeDefined();
  });

  it('an upload of unknown length is stopped where the disk has filled up meanwhile', async () => {
    const { fs, clock, reserve } = await reserveOn(200);
    const claim = await reserve.claim(0);
    await claim.spend(100);
    fs.availableBytes = 150;
    clock.nowMs += 250;
    await claim.spend(50);
    await expect(claim.spend(51)).rejects.toEqual(isFull);
  });

  it('asks the disk again after a quarter of a second, and not before', async () => {
    const { fs, clock, reserve } = await reserveOn(200);
    await reserve.claim(0);
    fs.availableBytes = 0;
    clock.nowMs += 249;
    await expect(reserve.claim(0)).resolves.toBeDefined();
    clock.nowMs += 1;
    await expect(reserve.claim(0)).rejects.toEqual(isFull);
  });

  it('asks the disk again where the clock went backwards', async () => {
    const { fs, clock, reserve } = await reserveOn(200);
    await reserve.claim(0);
    fs.availableBytes = 0;
    clock.nowMs -= 3_600_000;
    await expect(reserve.claim(0)).rejects.toEqual(isFull);
  });

  it('goes by the fuller of two disks', async () => {
    const { fs, clock } = await reserveOn(200);
    const uneven = Object.assign(Object.create(fs) as CrashFileSystem, {
      freeBytes: async (path: string) => (path === '/wal' ? 99 : 1000),
      freeFiles: (path: string) => fs.freeFiles(path),
    });
    const reserve = new DiskReserve({ fs: uneven, clock, paths: ['/primary', '/wal'], reserveBytes: 100 });
    await expect(reserve.claim(0)).rejects.toEqual(isFull);
  });

  it.each([
    [4096, 100, true],
    [4095, 100, false],
    [0, 0, true],
  ])('with %i inodes free and a reserve of %i bytes, a claim goes well: %s', async (files, reserveBytes, goesWell) => {
    const { fs, clock } = await reserveOn(200);
    fs.availableFiles = files;
    const reserve = new DiskReserve({ fs, clock, paths: ['/primary'], reserveBytes });
    const refusal = await reserve.claim(0).then(
      () => undefined,
      (error: unknown) => error,
    );
    const refused = expect.objectContaining({ context: { free_files: files, reserve_files: 4096 } }) as unknown;
    expect([refusal]).toEqual([goesWell ? undefined : refused]);
  });

  it('says so where the disk does not answer, and asks again', async () => {
    const { fs, reserve } = await reserveOn(200);
    fs.failNext({ operation: 'freeBytes', errorCode: 'EIO' });
    await expect(reserve.claim(0)).rejects.toMatchObject({ code: 'EIO' });
    await expect(reserve.claim(0)).resolves.toBeDefined();
  });
});
