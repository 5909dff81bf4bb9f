/** A file's name may hold anything but control characters, also what a terminal would show in the wrong place. */
export function quoted(fileName: string): string {
  return JSON.stringify(fileName).replaceAll(/[\p{Cf}\p{Zl}\p{Zp}]/gu, '\u{FFFD}');
}
