import { mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { claimPart, dropPart, leavePart, thisProcess } from './part-file.js';
import type { OwnPart } from './part-file.js';

const here = thisProcess();
/** Two processes that run: this one, and the one that started it. */
const parent = { ...here, pid: process.ppid };
/** Beyond the ids that any system gives. */
const DEAD_PID = 2 ** 30;

async function place() {
  const directory = await mkdtemp(join(tmpdir(), 'holdfast-'));
  onTestFinished(() => rm(directory, { recursive: true, force: true }));
  const opened: OwnPart[] = [];
  const claim = async (owner = here): Promise<OwnPart> => {
    const part = await claimPart(join(directory, 'f.part'), owner);
    opened.push(part);
    return part;
  };
  onTestFinished(async () => {
    for (const { file } of opened) await file.close();
  });
  return { directory, part: join(directory, 'f.part'), claim };
}

const contentOf = async ({ path }: OwnPart): Promise<string> => readFile(path, 'utf8');

describe('a part', () => {
  it('that was left is gone on with', async () => {
    const { directory, part, claim } = await place();
    await writeFile(part, 'left');
    const own = await claim();
    expect(await contentOf(own)).toBe('left');
    await leavePart(own, part);
    expect(await readdir(directory)).toEqual(['f.part']);
  });

  it('has one writer: a second one gets another, and empties nothing', async () => {
    const { part, claim } = await place();
    await writeFile(part, 'left');
    const first = await claim(parent);
    const second = await claim();
    await second.file.truncate(0);
    expect([await contentOf(first), await contentOf(second)]).toEqual(['left', '']);
  });

  it('of a process that was killed is taken over', async () => {
    const { directory, part, claim } = await place();
    await writeFile(`${part}.${here.hostTag}-${DEAD_PID}`, 'left');
    const own = await claim();
    expect(await contentOf(own)).toBe('left');
    await dropPart(own);
    expect(await readdir(directory)).toEqual([]);
  });

  it.each([
    ['of another host', `f.part.${here.hostTag === '00000000' ? '00000001' : '00000000'}-${DEAD_PID}`],
    ['of another file', `f.part.more.part.${here.hostTag}-${DEAD_PID}`],
    ['of no process', `f.part.${here.hostTag}-x`],
  ])('%s is left alone', async (_whose, name) => {
    const { directory, claim } = await place();
    await writeFile(join(directory, name), 'other');
    expect(await contentOf(await claim())).toBe('');
    expect(await readFile(join(directory, name), 'utf8')).toBe('other');
  });

  it('is never a link', async () => {
    const { directory, part, claim } = await place();
    await writeFile(join(directory, 'elsewhere'), 'mine');
    await symlink(join(directory, 'elsewhere'), `${part}.${here.hostTag}-${DEAD_PID}`);
    expect(await contentOf(await claim())).toBe('');
    await symlink(join(directory, 'elsewhere'), part);
    await expect(claim()).rejects.toMatchObject({ code: 'invalid_request' });
    expect(await readFile(join(directory, 'elsewhere'), 'utf8')).toBe('mine');
  });
});
