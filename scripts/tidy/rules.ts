import type { Finding, Rule } from './finding.js';
import { fileLength, noBuildOutput, plainNames } from './layout-rules.js';
import { linksLeadSomewhere } from './link-rules.js';
import type { SourceTree } from './source-tree.js';
import { barrelsOnlyReExport, functionLength } from './syntax-rules.js';
import { bannedWords } from './word-rules.js';

export const RULES: Record<string, Rule> = {
  'file-length': fileLength,
  'function-length': functionLength,
  'barrels-only-re-export': barrelsOnlyReExport,
  'plain-names': plainNames,
  'no-build-output': noBuildOutput,
  'banned-words': bannedWords,
  'links-lead-somewhere': linksLeadSomewhere,
};

export function untidiness({ files, paths }: SourceTree): Array<Finding & { rule: string }> {
  return files.flatMap((file) =>
    Object.entries(RULES).flatMap(([rule, apply]) => apply(file, paths).map((finding) => ({ ...finding, rule }))),
  );
}
