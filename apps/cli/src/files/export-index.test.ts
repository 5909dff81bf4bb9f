import type { FileId } from '#libs/kernel';
import { describe, expect, it } from 'vitest';
import { ExportIndex, indexLine } from './export-index.js';
import type { Listed, Outcome } from './export-index.js';
import type { JsonLine } from './json-lines.js';

const id = (digit: number): FileId => `01932b7e-8a2c-7c3d-9e4f-5a6b7c8d9e0${digit}` as FileId;

const file = (file_name: string, digit: number): Listed => ({
  file_id: id(digit),
  file_name,
  file_size: 1,
  sha256: '',
});

const none: Outcome = { done: new Set(), gone: new Set() };

interface Run {
  readonly prefix?: string;
  /** Digits of files that fail, or are gone; all others are done. */
  readonly failed?: readonly number[];
  readonly gone?: readonly number[];
}

/** One run over what the server lists; answers with the lines it leaves. */
function run(
  earlier: readonly JsonLine[],
  listed: readonly Listed[],
  { prefix = '', failed = [], gone = [] }: Run = {},
) {
  const index = new ExportIndex(earlier, prefix);
  const files = index.assignPaths(listed.filter(({ file_name }) => file_name.startsWith(prefix)));
  const not = new Set([...failed, ...gone].map(id));
  const done = new Set(files.map(({ file_id }) => file_id).filter((each) => !not.has(each)));
  return index.linesAfter(files, { done, gone: new Set(gone.map(id)) });
}

const pathsIn = (lines: readonly JsonLine[]): string[] => lines.map(({ path }) => String(path)).toSorted();

const TWINS = [file('x', 1), file('x', 2), file('y', 3)];
const BESIDE = `x~${id(2)}`;

describe('the index of an export', () => {
  it('keeps the lines of files that a run with a prefix did not ask for, and with them their paths', () => {
    const whole = run([], TWINS);
    const [, second, third] = TWINS as [Listed, Listed, Listed];
    const some = run(whole, [second, third], { prefix: 'y' });
    expect(pathsIn(some)).toEqual(['x', BESIDE, 'y']);
    expect(pathsIn(run(some, [second, third]))).toEqual([BESIDE, 'y']);
  });

  it('keeps the line of a file that failed, and with it its path', () => {
    const [, second, third] = TWINS as [Listed, Listed, Listed];
    const failed = run(run([], TWINS), [second, third], { failed: [2] });
    expect(pathsIn(failed)).toEqual([BESIDE, 'y']);
    expect(pathsIn(run(failed, [second, third]))).toEqual([BESIDE, 'y']);
  });

  it('gives no path of a file that was not asked for to another', () => {
    const lines = run(run([], [file('a_b', 1)]), [file('a:b', 2)], { prefix: 'a:' });
    expect(pathsIn(lines)).toEqual(['a_b', `a_b~${id(2)}`]);
  });

  it('has no line of a file that is not there any more, and none of a new one that failed', () => {
    const whole = run([], TWINS);
    expect(pathsIn(run(whole, TWINS.slice(1)))).toEqual([BESIDE, 'y']);
    expect(pathsIn(run(whole, TWINS, { gone: [1] }))).toEqual([BESIDE, 'y']);
    expect(pathsIn(run(whole, [...TWINS, file('z', 4)], { failed: [4] }))).toEqual(['x', BESIDE, 'y']);
  });

  it('believes the last of several lines of a file', () => {
    const listed = file('x', 1);
    const line = (path: string) => indexLine({ ...listed, path });
    const index = new ExportIndex([line('x'), line(`x~${id(1)}`)]);
    expect(index.assignPaths([listed])).toMatchObject([{ path: `x~${id(1)}` }]);
  });

  it.each<[string, JsonLine]>([
    ['a path that leads out', { path: '../../out', file_id: id(1), name: 'x' }],
    ['no path', { file_id: id(1), name: 'x' }],
    ['a number for a name', { path: 'x', file_id: id(1), name: 5 }],
  ])('takes nothing from a line with %s', (_what, line) => {
    const index = new ExportIndex([line], 'other');
    expect(index.assignPaths([file('other', 2)])).toMatchObject([{ path: 'other' }]);
    expect(index.linesAfter([], none)).toEqual([]);
    expect(new ExportIndex([line]).assignPaths([file('x', 1)])).toMatchObject([{ path: 'x' }]);
  });
});
