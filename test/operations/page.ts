/** docs/operations.md, taken apart: what its sections quote, and what they tell to paste. */
import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';

const PAGE = resolve(import.meta.dirname, '../../docs/operations.md');

export interface Section {
  readonly heading: string;
  /** What the program says there: the `text` blocks. */
  readonly signs: readonly string[];
  /** What is to be pasted: the `sh` blocks. */
  readonly blocks: readonly string[];
}

/** The first one is what stands above all headings. */
export async function sections(): Promise<Section[]> {
  return (await readFile(PAGE, 'utf8')).split(/^## /m).map((text) => ({
    heading: text.slice(0, text.indexOf('\n')),
    signs: fenced(text, 'text'),
    blocks: fenced(text, 'sh'),
  }));
}

function fenced(text: string, language: string): string[] {
  return [...text.matchAll(new RegExp(`^\`\`\`${language}\\n(.*?)^\`\`\`$`, 'gms'))].map(([, block]) => block!);
}
