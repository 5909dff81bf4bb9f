/** Columns as wide as their widest cell; those of numbers are aligned to the right. */
export function table(header: readonly string[], rows: readonly (readonly (string | number)[])[]): string[] {
  const widths = header.map((title, column) =>
    Math.max(...[header, ...rows].map((row) => String(row[column] ?? title).length)),
  );
  const line = (cells: readonly (string | number)[]): string =>
    cells
      .map((cell, column) => {
        const isNumber = typeof (rows[0]?.[column] ?? cell) === 'number';
        return isNumber ? String(cell).padStart(widths[column]!) : String(cell).padEnd(widths[column]!);
      })
      .join('  ')
      .trimEnd();
  return [line(header), ...rows.map(line)];
}
