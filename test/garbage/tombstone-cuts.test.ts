/** What a power cut at any step of an expiry leaves, and that it comes to rest. */
import type { FileId } from '#libs/kernel';
import { expect, it } from 'vitest';
import { installedMachine } from '../states/machine.js';
import { HOLD_MS, machinesOf, manifest, noteCuts, ROUND_MS, TombstoneBench, tombstone } from './tombstone-bench.js';

/** Disks looked at for each cut, each with up to three catalogs. */
const STATES_PER_CUT = 4;
const EVERYWHERE = ['primary', 'first', 'second'];

it('an expiry leaves a delete carried out, or nothing, wherever the power goes', { timeout: 600_000 }, async () => {
  const bench = await TombstoneBench.open(await installedMachine());
  const { machine } = bench;
  const fileId = await bench.deleted();
  const kept = await bench.put('kept');
  bench.pass(HOLD_MS);
  bench.pass(ROUND_MS);
  await bench.round();
  bench.pass(ROUND_MS);
  const cuts = noteCuts(machine);
  await bench.round();
  expect(await bench.having(tombstone(fileId))).toEqual([]);
  const met = new Set<string>();
  for (const [index, cut] of cuts.entries()) {
    for (const { label, machine: left } of machinesOf(cut, STATES_PER_CUT)) {
      const where = `cut ${index} of ${cuts.length}: ${label}`;
      const next = await TombstoneBench.open(left);
      met.add(await settleAfterCut(next, { fileId, where }));
      expect(await next.having(manifest(kept)), where).toEqual(EVERYWHERE);
      await next.running.abandon();
    }
  }
  expect([...met].sort()).toEqual(['expired', 'kept']);
});

/** `kept` where the tombstone stood everywhere, and expired later; `expired` where it was gone. */
async function settleAfterCut(
  bench: TombstoneBench,
  { fileId, where }: { fileId: FileId; where: string },
): Promise<string> {
  await bench.round();
  await bench.carryOut();
  const having = await bench.having(tombstone(fileId));
  expect([[], EVERYWHERE], where).toContainEqual(having);
  expect(await bench.findings(), where).toEqual([]);
  expect(bench.catalog.obligations.of(fileId), where).toHaveLength(having.length === 0 ? 0 : 2);
  expect(await bench.having(manifest(fileId)), where).toEqual([]);
  if (having.length === 0) return 'expired';
  await bench.expire();
  expect(await bench.having(tombstone(fileId)), where).toEqual([]);
  expect(await bench.findings(), where).toEqual([]);
  return 'kept';
}
