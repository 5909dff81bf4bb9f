/**
 * The reference of a large file's copy: reads one file and writes another by 1 MiB, syncs it, renames it to its name and
 * syncs the directory, with nothing between the calls. Arguments: from, to. Prints the seconds. Its own process.
 */
import { closeSync, fsyncSync, openSync, readSync, renameSync, writeSync } from 'node:fs';
import { dirname } from 'node:path';

const [, , from = '', to = ''] = process.argv;
const buffer = Buffer.alloc(2 ** 20);
const startedMs = performance.now();

const source = openSync(from, 'r');
const target = openSync(`${to}.tmp`, 'wx');
for (let bytes = readSync(source, buffer); bytes > 0; bytes = readSync(source, buffer)) {
  for (let written = 0; written < bytes;) written += writeSync(target, buffer, written, bytes - written);
}
fsyncSync(target);
closeSync(target);
closeSync(source);
renameSync(`${to}.tmp`, to);
const directory = openSync(dirname(to), 'r');
fsyncSync(directory);
closeSync(directory);

console.log(JSON.stringify({ seconds: (performance.now() - startedMs) / 1000 }));
