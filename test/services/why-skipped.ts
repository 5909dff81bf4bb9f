/** What the title of a group of tests ends with where they are skipped. */
export function whySkipped(reason: string | undefined): string {
  return reason === undefined ? '' : ` (skipped: ${reason})`;
}
