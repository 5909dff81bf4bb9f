import { execFileSync } from 'node:child_process';

/**
 * Whether a program that a test needs is installed. With `REQUIRE_SERVICES=1` a missing one is a failure, because a
 * machine that is meant to run every test must not pass by leaving some out.
 */
export function isInstalled(program: string): boolean {
  try {
    execFileSync('which', [program], { stdio: 'ignore' });
    return true;
  } catch {
    if (process.env['REQUIRE_SERVICES'] === '1') throw new Error(`${program} is not installed and REQUIRE_SERVICES=1`);
    return false;
  }
}
