/** What these tests need of the machine. Without it they are skipped, and say why; see test/server/required-program.ts. */
import { isInstalled } from '../server/required-program.js';

/** Mounts in a namespace of its own, and a server there that dies with the test. */
const PROGRAMS = ['unshare', 'nsenter', 'setpriv', 'mount', 'umount'];

/** Why these tests cannot run here, or undefined. With `REQUIRE_SERVICES=1` a reason is a failure. */
export function reasonToSkip(programs: readonly string[] = []): string | undefined {
  const missing = [...PROGRAMS, ...programs].filter((program) => !isInstalled(program));
  if (missing.length > 0) return `${missing.join(', ')} not installed`;
  if (process.getuid?.() === 0) return undefined;
  if (process.env['REQUIRE_SERVICES'] === '1') throw new Error('these tests need root, and REQUIRE_SERVICES=1');
  return 'not root';
}

/** What the title of a group of tests ends with where they are skipped. */
export function whySkipped(reason: string | undefined): string {
  return reason === undefined ? '' : ` (skipped: ${reason})`;
}
