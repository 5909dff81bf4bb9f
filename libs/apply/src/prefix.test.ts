/** replay(prefix) = state(prefix): whatever was logged, the catalog and the primary are the effect of a prefix of it. */
import { fileDeleteDraft, newFileId } from '#libs/kernel';
import type { FileId, Frame } from '#libs/kernel';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { openApplyBench, putDraft } from '../testing/src/index.js';

const FILES = Array.from({ length: 4 }, () => newFileId(1));

const anyOrder = fc.array(
  fc.record({ file: fc.integer({ min: 0, max: FILES.length - 1 }), kind: fc.constantFrom('put', 'delete') }),
  { minLength: 1, maxLength: 12 },
);

type Order = { readonly file: number; readonly kind: string };

/** The files that stand after a prefix, each with the LSN that made it. */
function modelOf(orders: readonly Order[]): Map<FileId, number> {
  const model = new Map<FileId, number>();
  orders.forEach(({ file, kind }, index) => {
    if (kind === 'put') model.set(FILES[file]!, index + 1);
    else model.delete(FILES[file]!);
  });
  return model;
}

it('live, replayed from any point, and replayed twice', async () => {
  await fc.assert(
    fc.asyncProperty(anyOrder, fc.nat(), async (orders, from) => {
      await using bench = await openApplyBench();
      const frames: Frame[] = [];
      for (const [index, { file, kind }] of orders.entries()) {
        const fileId = FILES[file]!;
        const draft = kind === 'put' ? putDraft(fileId, `${index}`) : fileDeleteDraft({ fileId, deletedAtMs: 1 });
        frames.push(await bench.wal.append(draft));
        await bench.applier.applied(frames.at(-1)!.lsn);
        expect(bench.catalog.appliedLsn(bench.wal.logId)).toBe(index + 1);
        await expectState(bench, modelOf(orders.slice(0, index + 1)));
      }
      // As a boot does whose checkpoint lies anywhere before.
      await bench.applier.replay(frames.slice(from % frames.length));
      await expectState(bench, modelOf(orders));
    }),
    { numRuns: 25 },
  );
});

async function expectState(
  { catalog, primary }: Awaited<ReturnType<typeof openApplyBench>>,
  model: ReadonlyMap<FileId, number>,
): Promise<void> {
  for (const fileId of FILES) {
    expect(catalog.findFile(fileId)?.lsn).toBe(model.get(fileId));
    const manifest = await primary.has({ kind: 'manifest', id: fileId });
    expect(manifest !== undefined).toBe(model.has(fileId));
  }
}
