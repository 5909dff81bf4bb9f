import { getPriority } from 'node:os';
import { once } from 'node:events';
import { describe, expect, it } from 'vitest';
import { Worker } from 'node:worker_threads';

/** Answers with the niceness of a thread that called it, and of one that this one started then. */
const PROGRAM = `
const { parentPort, Worker, isMainThread, workerData } = require('node:worker_threads');
const { readlinkSync } = require('node:fs');
const { getPriority } = require('node:os');
const mine = () => getPriority(Number(readlinkSync('/proc/thread-self').split('/').at(-1)));
if (workerData.isChild) parentPort.postMessage(mine());
else import(workerData.module).then(({ lowerThreadPriority }) => {
  lowerThreadPriority();
  const child = new Worker(workerData.program, { eval: true, workerData: { isChild: true } });
  child.on('message', (its) => parentPort.postMessage([mine(), its]));
});`;

describe.skipIf(process.platform !== 'linux')('the priority of a thread', () => {
  it('is lowered for the caller and those it starts, and for no other of the process', async () => {
    const before = getPriority();
    const module = new URL('./thread-priority.ts', import.meta.url).href;
    const thread = new Worker(PROGRAM, { eval: true, workerData: { module, program: PROGRAM, isChild: false } });
    const [niceness] = (await once(thread, 'message')) as [[number, number]];
    await thread.terminate();
    expect(niceness).toEqual([19, 19]);
    expect(getPriority()).toBe(before);
  });
});
