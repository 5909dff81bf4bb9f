/** Files of one JSON object a line, which are appended to: a kill may tear the last line, and that one then says nothing. */
import { systemErrorCode } from '#libs/kernel';
import { open, readFile } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';

export type JsonLine = Readonly<Record<string, unknown>>;

/** No lines where there is no file. */
export async function readJsonLines(path: string): Promise<JsonLine[]> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    if (systemErrorCode(error) === 'ENOENT') return [];
    throw error;
  }
  return text.split('\n').flatMap((line): JsonLine[] => {
    try {
      const value: unknown = JSON.parse(line);
      return typeof value === 'object' && value !== null ? [{ ...value }] : [];
    } catch {
      return [];
    }
  });
}

/** To be appended to. What is there may end in a torn line, so the next one begins on a line of its own. */
export async function openJsonLines(path: string): Promise<FileHandle> {
  const file = await open(path, 'a');
  if ((await file.stat()).size > 0) await file.appendFile('\n');
  return file;
}
