import type { FileSystem } from '../../src/file-system.js';

export const bytes = (text: string): Buffer => Buffer.from(text);

/** What the parts of the contract work with. */
export interface Tools {
  readonly fs: FileSystem;
  path(...names: string[]): string;
  put(fileName: string, text: string): Promise<void>;
  get(fileName: string): Promise<string>;
}
