// A copy of the tree in which sources may be broken. `node_modules` is linked, everything else is copied: what git knows,
// and what it does not know yet and does not ignore.
import { cp, mkdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { ROOT, runProgram } from '../run-program.js';
import { type Mutant, mutate } from './mutant.js';

export class Workspace {
  readonly path: string;

  private constructor(path: string) {
    this.path = path;
  }

  static async copyTo(path: string): Promise<Workspace> {
    for (const file of await filesOfTree()) {
      await mkdir(dirname(join(path, file)), { recursive: true });
      // A file that is deleted but not committed is still in git's list.
      await cp(join(ROOT, file), join(path, file)).catch(() => undefined);
    }
    await symlink(join(ROOT, 'node_modules'), join(path, 'node_modules'));
    return new Workspace(path);
  }

  /** Runs `task` while the mutant's file is broken, then mends it. */
  async withMutant<Result>(mutant: Mutant, task: () => Promise<Result>): Promise<Result> {
    const path = join(this.path, mutant.file);
    const source = await readFile(path, 'utf8');
    await writeFile(path, mutate(source, mutant));
    try {
      return await task();
    } finally {
      await writeFile(path, source);
    }
  }
}

async function filesOfTree(): Promise<string[]> {
  const { exitCode, output } = await runProgram(
    ['git', '-C', ROOT, 'ls-files', '-z', '--cached', '--others', '--exclude-standard'],
    { output: 'captured' },
  );
  if (exitCode !== 0) throw new Error(`git cannot list the tree: ${output}`);
  return output.split('\0').filter((file) => file !== '');
}
