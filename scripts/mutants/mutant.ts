// One rule of the code, and the code without it.

export interface Mutant {
  /** The rule that is taken away. */
  readonly name: string;
  /** From the root of the tree. */
  readonly file: string;
  /** Stands exactly once in the file; as short as that allows, so that the list survives edits beside it. */
  readonly find: string;
  readonly replace: string;
  /** The test files of which at least one test must fail then. */
  readonly tests: readonly string[];
  /** A pattern of the names of the tests that are run, where those files are slow. */
  readonly testNames?: string;
  /** The crash, or the mistake, that would go unnoticed. */
  readonly letsThrough: string;
  /** Without the rule the code waits for ever: a test that runs into its time limit is enough. */
  readonly hangs?: true;
}

export function mutate(source: string, { find, replace }: Pick<Mutant, 'find' | 'replace'>): string {
  const at = source.indexOf(find);
  return source.slice(0, at) + replace + source.slice(at + find.length);
}
