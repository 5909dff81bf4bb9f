/** An installation that several rounds begin with is made once and copied. */
import { runToEnd } from './processes.js';

/** `to` is there and empty. The dot at the end is cp's word for the content; `join` would drop it. */
export async function copyDirectory({ from, to }: Record<'from' | 'to', string>): Promise<void> {
  await runToEnd(['cp', '-a', '--reflink=auto', `${from}/.`, to]);
}
