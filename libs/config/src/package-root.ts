/** Where this package lies: what relative paths in settings start from. The same from the sources and from the build. */
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

export interface Package {
  /** Absolute. */
  readonly root: string;
  readonly version: string;
}

/** The nearest package around `directory`. */
export function findPackage(directory: string): Package {
  for (let root = directory; ; root = dirname(root)) {
    const manifest = join(root, 'package.json');
    if (existsSync(manifest)) {
      const { version } = JSON.parse(readFileSync(manifest, 'utf8')) as { version: string };
      return { root, version };
    }
    if (root === dirname(root)) throw new Error(`there is no package.json above ${directory}`);
  }
}
