const UNITS = [
  ['d', 86_400_000],
  ['h', 3_600_000],
  ['min', 60_000],
] as const;

/** `12 s`, `5 min`, `3 h`, `2 d`: rounded down, in the largest unit that fits. */
export function durationText(durationMs: number): string {
  const [unit, size] = UNITS.find(([, sizeMs]) => durationMs >= sizeMs) ?? (['s', 1000] as const);
  return `${Math.max(0, Math.floor(durationMs / size))} ${unit}`;
}

/** How long ago; of two clocks that differ a little one may be ahead. */
export function ageText(ageMs: number): string {
  return ageMs < 1000 ? 'now' : `${durationText(ageMs)} ago`;
}
