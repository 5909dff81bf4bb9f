/** What `examineLog` says is what a start does a moment later. */
import type { CrashFileSystem } from '#libs/durable-fs/testing';
import { StoreError } from '#libs/kernel';
import { examineLog } from '#libs/recovery';
import { surveyLog } from '#libs/wal';
import { beforeAll, expect, it } from 'vitest';
import { PRIMARY_PATH, start, WAL_PATH } from '../states/machine.js';
import type { Machine } from '../states/machine.js';
import { put } from '../store/installation.js';
import { flipRecord, machineFrom, repairOptions, stoppedMachine } from './damaged-machine.js';
import type { StoppedMachine } from './damaged-machine.js';

let stopped: StoppedMachine;

beforeAll(async () => {
  stopped = await stoppedMachine();
});

/** Copies the log of the stopped machine over that of one which lived on, without its last catalog. */
async function putOldLogBack(machine: Machine): Promise<Machine> {
  const old = machineFrom(stopped.disk, stopped.image).fs;
  const store = await start(machine);
  await put(store.files, 'newer', Buffer.from('newer'));
  await store.abandon();
  const segments = `${WAL_PATH}/segments`;
  for (const name of await old.readDirectory(segments)) {
    await machine.fs.replaceFile(`${segments}/${name}`, await old.readFile(`${segments}/${name}`), `${segments}/c.tmp`);
  }
  return machine;
}

async function tearLastRecord(fs: CrashFileSystem): Promise<void> {
  const last = (await surveyLog(fs, WAL_PATH))!.segments.at(-1)!.records.at(-1)!;
  const file = await fs.openWrite(last.path);
  await file.write(Buffer.alloc(20), last.offsetBytes + last.lengthBytes - 20);
  await file.dataSync();
  await file.close();
}

const CASES: readonly [string, string, (machine: Machine) => Promise<Machine | void>][] = [
  ['a sound log', 'clean', async () => undefined],
  [
    'a torn tail',
    'torn',
    async (machine) => {
      await tearLastRecord(machine.fs);
      // What the catalog has applied would prove the record to have been durable.
      return { ...machine, catalogs: machineFrom(stopped.disk, undefined).catalogs };
    },
  ],
  ['a torn tail that the catalog proves to have been durable', 'log_corrupt', ({ fs }) => tearLastRecord(fs)],
  ['rot', 'log_corrupt', ({ fs }) => flipRecord(fs, ({ fileName }) => fileName === 'second')],
  ['no log', 'none', ({ fs }) => fs.rename(`${WAL_PATH}/segments`, '/away')],
  ['an emptied primary', 'primary_empty', ({ fs }) => fs.rename(PRIMARY_PATH, '/away')],
  ['an old log, as the catalog knows', 'log_behind', putOldLogBack],
  [
    'an old log, as only the primary knows',
    'log_behind',
    async (machine) => {
      const behind = await putOldLogBack(machine);
      return { ...behind, catalogs: machineFrom(stopped.disk, undefined).catalogs };
    },
  ],
];

it.each(CASES)('%s: %s', async (_what, expected, harm) => {
  const untouched = machineFrom(stopped.disk, stopped.image);
  const machine = (await harm(untouched)) ?? untouched;
  const before = machine.fs.operationCount;

  const { verdict } = await examineLog(repairOptions(machine));

  expect(verdict.kind === 'refused' ? verdict.refusal.code : verdict.kind).toBe(expected);
  expect(machine.fs.operationCount).toBe(before);
  const message = verdict.kind === 'refused' ? verdict.refusal.message : '';
  expect(await startOf(machine)).toEqual({ outcome: expected, message });
});

/** How a start ends, in the words of a verdict. */
async function startOf(machine: Machine): Promise<{ outcome: string; message: string }> {
  try {
    const store = await start(machine);
    const { tornTailPath, logWasGone } = store.parts.report;
    await store.close();
    return { outcome: tornTailPath !== undefined ? 'torn' : logWasGone ? 'none' : 'clean', message: '' };
  } catch (error) {
    if (!StoreError.is(error)) throw error;
    return { outcome: error.code, message: error.message };
  }
}
