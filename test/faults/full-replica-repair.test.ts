/** What a repair says of a replica to which it can put nothing: the built command, on a disk that is full. */
import { unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { runRepairProgram } from '../repair/repair-program.js';
import { nothingOwed } from '../replication/replica-client.js';
import { contentOf, recordPath } from '../replication/stores.js';
import { testBytes } from '../server/http-client.js';
import { fillDisk } from './ballast.js';
import { Clients } from './clients.js';
import { FaultyInstallation } from './faulty-installation.js';
import { reasonToSkip, whySkipped } from './privileges.js';

const SIZE_MIB = 24;
/** The directories of a store take 771. */
const INODES = 1_500;
const LOST = 5;

const reason = reasonToSkip();

describe.skipIf(reason !== undefined)(`a repair of a replica whose disk is full${whySkipped(reason)}`, () => {
  it('says that nothing is mended and the stores differ, and mends all when there is room', async () => {
    await using installation = await FaultyInstallation.create();
    const { mounts } = installation;
    const [full, sound] = ['replica1', 'replica2'].map((name) => join(installation.path('all'), name));
    await mounts.tmpfs(full!, { sizeMib: SIZE_MIB, inodes: INODES });
    const clients = new Clients((serial) => testBytes(9_000, serial));
    const url = await installation.start({ REPLICAS: `${full},${sound}` });
    await clients.uploads(url, LOST + 3);
    await nothingOwed({ url });
    const root = mounts.seen(full!);
    const whole = await contentOf(root);
    for (const fileId of [...clients.kept.keys()].slice(0, LOST)) await unlink(recordPath(root, 'manifests', fileId));
    const relieve = await fillDisk(root);

    const told = await runRepairProgram({ HOLDFAST_URL: url });
    expect([told.code, told.stderr]).toEqual([4, '']);
    expect(told.stdout).toMatch(new RegExp(`^found: ${LOST} missing `, 'm'));
    expect(told.stdout).toMatch(/^done: 0 objects mended/m);
    expect(told.stdout).toMatch(/^could not:\n {2}replica1: store_full: /m);
    expect(told.stdout).toMatch(new RegExp(`^${LOST} objects differ:$`, 'm'));
    expect(told.stdout).toMatch(/the stores are NOT equal\n$/);
    // The same for one that only looks: what is owed since before is not on its way.
    const looked = await runRepairProgram({ HOLDFAST_URL: url }, '--dry-run', '--json');
    const answer: unknown = JSON.parse(looked.stdout);
    expect([looked.code, answer]).toEqual([4, expect.objectContaining({ equal: false, left: LOST, differing: LOST })]);

    await relieve();
    const mended = await runRepairProgram({ HOLDFAST_URL: url });
    expect([mended.code, mended.stdout]).toEqual([0, expect.stringMatching(/all stores are equal\n$/)]);
    expect(await contentOf(root)).toEqual(whole);
  });
});
