/**
 * Where a file of any name goes below a directory, on any system. A name is data, the path made of it is a path below the
 * directory and nothing else. Names that would share a path, also where a file system ignores case, get different ones:
 * the first keeps the plain path, the next has its file_id in it. Pure.
 */
import type { FileId } from '#libs/kernel';

/** Beside what is exported; a file of such a name goes elsewhere. */
export const INDEX_NAME = 'holdfast-index.jsonl';
export const PARTIAL_NAME = '.holdfast-partial';
const RENAMED_NAME = 'holdfast-renamed';

/** File systems take 255 bytes for one part of a path; what is left is for the file_id. */
const MAX_PART_BYTES = 200;
const MAX_EXTENSION_BYTES = 20;

/** What no Windows file system takes, `\` because it parts paths there, and what turns text around on a terminal. */
// eslint-disable-next-line no-control-regex
const UNSAFE = /[\u0000-\u001F\u007F-\u009F<>:"|?*\\\u200E\u200F\u202A-\u202E\u2066-\u2069]/g;
const RESERVED = /^(con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³])(\.|$)/i;

/** The path that the name itself makes, parted by `/`; never empty, never up. */
export function plainPath(fileName: string): string {
  const parts = fileName.split('/').filter((part) => part !== '');
  return parts.length === 0 ? '_' : parts.map(safePart).join('/');
}

function safePart(part: string): string {
  if (/^\.{1,2}$/.test(part)) return '_'.repeat(part.length);
  const plain = part
    .toWellFormed()
    .replaceAll(UNSAFE, '_')
    // Windows drops these at an end in silence.
    .replace(/[. ]+$/, (end) => '_'.repeat(end.length));
  return shortened(RESERVED.test(plain) ? `_${plain}` : plain);
}

/** Cut in front of the extension, between characters. */
function shortened(part: string): string {
  if (Buffer.byteLength(part) <= MAX_PART_BYTES) return part;
  const extension = extensionOf(part);
  let stem = '';
  let leftBytes = MAX_PART_BYTES - Buffer.byteLength(extension);
  for (const character of part.slice(0, part.length - extension.length)) {
    leftBytes -= Buffer.byteLength(character);
    if (leftBytes < 0) break;
    stem += character;
  }
  return `${stem}${extension}`;
}

function extensionOf(part: string): string {
  const dot = part.lastIndexOf('.');
  const extension = dot <= 0 ? '' : part.slice(dot);
  return Buffer.byteLength(extension) <= MAX_EXTENSION_BYTES ? extension : '';
}

/** The paths that a file may get, the best first; no other file may get the last. */
export function candidatePaths(fileName: string, fileId: FileId): [plain: string, beside: string, own: string] {
  const plain = plainPath(fileName);
  const last = plain.split('/').at(-1)!;
  const extension = extensionOf(last);
  const beside = `${plain.slice(0, plain.length - extension.length)}~${fileId}${extension}`;
  return [plain, beside, `${RENAMED_NAME}/${fileId}${extension}`];
}

/** Gives out paths. Two that differ only in case, or in how a letter is composed, are one path on some systems. */
export class ExportPaths {
  readonly #files = new Set<string>();
  readonly #directories = new Set<string>();

  /** The first candidate that is free, `preferred` before the others where it is one of them. */
  assign(fileName: string, fileId: FileId, preferred?: string): string {
    const candidates = candidatePaths(fileName, fileId);
    const inOrder = candidates.includes(preferred ?? '') ? [preferred!, ...candidates] : candidates;
    const path = inOrder.find((candidate) => this.#isFree(candidate, fileId))!;
    this.#files.add(keyOf(path));
    for (const directory of directoriesOf(path)) this.#directories.add(keyOf(directory));
    return path;
  }

  #isFree(path: string, fileId: FileId): boolean {
    const first = keyOf(path.split('/')[0]!);
    if (first === INDEX_NAME || first === PARTIAL_NAME) return false;
    // Whoever names a file does not know its id yet, so that nobody can take this place from another.
    if (first === RENAMED_NAME && !path.startsWith(`${RENAMED_NAME}/${fileId}`)) return false;
    const key = keyOf(path);
    if (this.#files.has(key) || this.#directories.has(key)) return false;
    return !directoriesOf(path).some((directory) => this.#files.has(keyOf(directory)));
  }
}

function keyOf(path: string): string {
  return path.normalize('NFC').toLowerCase().normalize('NFC');
}

function directoriesOf(path: string): string[] {
  const parts = path.split('/').slice(0, -1);
  return parts.map((_part, index) => parts.slice(0, index + 1).join('/'));
}
