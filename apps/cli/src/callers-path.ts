import { resolve } from 'node:path';

/** npm runs scripts in the package's directory; a path in an argument starts from where the caller is. */
export function callersPath(path: string): string {
  return resolve(process.env['INIT_CWD'] ?? process.cwd(), path);
}
