import type { CrashFileSystem } from './crash-file-system.js';
import { crashStates, type CrashStatesOptions } from './crash-states.js';

/** What the name can hold after a power cut at this instant, as text; `undefined` stands for a missing name. */
export async function possibleContents(
  fs: CrashFileSystem,
  path: string,
  options?: CrashStatesOptions,
): Promise<Set<string | undefined>> {
  const contents = new Set<string | undefined>();
  for (const { fileSystem } of crashStates(fs.snapshot(), options)) {
    contents.add(await readText(fileSystem, path));
  }
  return contents;
}

export async function readText(fs: CrashFileSystem, path: string): Promise<string | undefined> {
  return (await fs.stat(path)) === undefined ? undefined : (await fs.readFile(path)).toString();
}
