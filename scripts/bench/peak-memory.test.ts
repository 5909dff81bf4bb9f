import { expect, it } from 'vitest';
import { PeakMemory, residentBytes } from './peak-memory.js';

it('reads what the kernel says, and nothing else', () => {
  const status = 'Name:\tnode\nVmPeak:\t  900 kB\nVmHWM:\t   65536 kB\nVmRSS:\t   1024 kB\n';
  expect(residentBytes(status, 'VmHWM')).toBe(64 * 2 ** 20);
  expect(residentBytes(status, 'VmRSS')).toBe(2 ** 20);
  expect(() => residentBytes('Name:\tnode\n', 'VmRSS')).toThrow('VmRSS');
});

it('sees what was taken and given back in between', async () => {
  const memory = new PeakMemory(process.pid);
  await memory.begin();
  let taken: Buffer | undefined = Buffer.alloc(64 * 2 ** 20, 1);
  expect(taken.length).toBe(64 * 2 ** 20);
  taken = undefined;
  expect(await memory.peakAboveBeginBytes()).toBeGreaterThan(48 * 2 ** 20);
});
