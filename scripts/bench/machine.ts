/** What the figures were measured on. Without it a table says nothing to whoever reads it later. */
import { readFile, statfs } from 'node:fs/promises';
import { availableParallelism, cpus, loadavg, release, totalmem } from 'node:os';

export interface MachineFacts {
  readonly cpus: number;
  readonly cpu_model: string;
  readonly memory_gib: number;
  readonly kernel: string;
  readonly node: string;
  readonly directory: string;
  readonly file_system: string;
  readonly free_gib: number;
  /** Of the last minute, before the first cell: others' work is in every figure. */
  readonly load_average: number;
  readonly load_generator: string;
}

const GIB = 2 ** 30;
const round = (value: number): number => Math.round(value * 100) / 100;

export async function machineFacts(directory: string, loadGenerator: string): Promise<MachineFacts> {
  const disk = await statfs(directory);
  return {
    cpus: availableParallelism(),
    cpu_model: cpus()[0]?.model ?? 'unknown',
    memory_gib: round(totalmem() / GIB),
    kernel: release(),
    node: process.version,
    directory,
    file_system: fileSystemOf(directory, await readFile('/proc/self/mountinfo', 'utf8').catch(() => '')),
    free_gib: round((disk.bavail * disk.bsize) / GIB),
    load_average: round(loadavg()[0] ?? 0),
    load_generator: loadGenerator,
  };
}

/** `ext4 on /dev/vda`, for an absolute path, from the text of `/proc/self/mountinfo` (proc(5)). Pure. */
export function fileSystemOf(path: string, mountInfo: string): string {
  let nearest = '';
  let found = 'unknown';
  for (const line of mountInfo.split('\n')) {
    const [mount = '', source = ''] = line.split(' - ');
    const mountPoint = unescapeOctal(mount.split(' ')[4] ?? '');
    const [type, device] = source.split(' ');
    if (mountPoint === '' || type === undefined || device === undefined) continue;
    // Later lines lie over earlier ones on the same place.
    if (!isWithin(path, mountPoint) || mountPoint.length < nearest.length) continue;
    nearest = mountPoint;
    found = `${type} on ${device}`;
  }
  return found;
}

function isWithin(path: string, directory: string): boolean {
  return path === directory || path.startsWith(directory.endsWith('/') ? directory : `${directory}/`);
}

/** A space in a mount point is written `\040`. */
function unescapeOctal(text: string): string {
  return text.replace(/\\([0-7]{3})/g, (_, digits: string) => String.fromCharCode(Number.parseInt(digits, 8)));
}

export function renderMachine(facts: MachineFacts): string {
  const width = Math.max(...Object.keys(facts).map((key) => key.length));
  return Object.entries(facts)
    .map(([key, value]) => `${key.padEnd(width)}  ${String(value)}`)
    .join('\n');
}
