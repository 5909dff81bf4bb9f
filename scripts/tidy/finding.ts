import type { SourceFile } from './source-tree.js';

/** One place where the tree is untidy. */
export interface Finding {
  path: string;
  /** 1-based; absent where the whole file is meant. */
  line?: number;
  message: string;
}

/** A rule sees one file, and the paths of all, and answers with what is wrong there. */
export type Rule = (file: SourceFile, paths: ReadonlySet<string>) => Finding[];
