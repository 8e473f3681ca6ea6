/** Aligns tab-separated cells as Go's text/tabwriter does: a column is as wide as its block of neighbouring lines needs. */

export interface TableShape {
  minWidth: number;
  padding: number;
}

/** The shape of Docker's listings. */
export const LISTING: TableShape = { minWidth: 10, padding: 3 };

/** Cells end with a tab; what follows the last tab of a line is not aligned. */
export function alignColumns(text: string, shape: TableShape = LISTING): string {
  const lines = text.split("\n").map((line) => line.split("\t"));
  const widths: number[][] = lines.map(() => []);
  measure(lines, widths, 0, lines.length, 0, shape);
  return lines
    .map((cells, row) =>
      cells
        .map((cell, column) => (column === cells.length - 1 ? cell : pad(cell, widths[row]?.[column] ?? 0)))
        .join(""),
    )
    .join("\n");
}

function measure(
  lines: string[][],
  widths: number[][],
  from: number,
  to: number,
  column: number,
  shape: TableShape,
): void {
  let row = from;
  while (row < to) {
    if (!hasCell(lines, row, column)) {
      row++;
      continue;
    }
    let end = row;
    let width = shape.minWidth;
    while (end < to && hasCell(lines, end, column)) {
      width = Math.max(width, displayWidth(lines[end]?.[column] ?? "") + shape.padding);
      end++;
    }
    for (let each = row; each < end; each++) widths[each]?.push(width);
    measure(lines, widths, row, end, column + 1, shape);
    row = end;
  }
}

function hasCell(lines: string[][], row: number, column: number): boolean {
  return column < (lines[row]?.length ?? 0) - 1;
}

function pad(cell: string, width: number): string {
  return cell + " ".repeat(Math.max(0, width - displayWidth(cell)));
}

/** Runes, as tabwriter counts. */
function displayWidth(text: string): number {
  let width = 0;
  for (const _rune of text) width++;
  return width;
}
