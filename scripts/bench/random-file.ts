/** A file of random bytes: nothing on the way can make them fewer. */
import { runToEnd } from './processes.js';

export async function writeRandomFile(path: string, sizeBytes: number): Promise<void> {
  const copy = ['dd', 'if=/dev/urandom', `of=${path}`, 'bs=1M', `count=${sizeBytes}`];
  await runToEnd([...copy, 'iflag=count_bytes,fullblock', 'status=none']);
}
