import { printable } from "../printable.ts";

/** A server-side rendered table, `meta.k8s.io/v1` Table; only the parts we read. */
export interface Table {
  columnDefinitions: { name: string; priority?: number }[];
  rows?: { cells: unknown[] }[];
}

const GAP = "   ";

/** Lays out columns as kubectl does: headings in capitals, three spaces between, empty cells as they are. */
export function formatTable(headings: readonly string[], rows: readonly (readonly string[])[]): string {
  const lines = [headings.map((heading) => heading.toUpperCase()), ...rows];
  const widths = headings.map((_, column) => Math.max(...lines.map((line) => widthOf(line[column] ?? ""))));
  return lines.map((line) =>
    line.map((cell, column) => cell + " ".repeat(widths[column]! - widthOf(cell))).join(GAP).trimEnd() + "\n"
  ).join("");
}

/** The same of cells that somebody else wrote. */
export const printableTable = (headings: readonly string[], rows: readonly (readonly string[])[]): string =>
  formatTable(headings, rows.map((cells) => cells.map((cell) => printable(cell))));

/**
 * One table out of several that the API server rendered for the same kind, without the columns of `-o wide`.
 *
 * @param prefix put before each name, e.g. `apiservicebinding.klutch.anynines.com/`
 */
export function mergeTables(tables: readonly Table[], prefix: string): string {
  const columns = tables[0]?.columnDefinitions.map(({ name, priority = 0 }, index) => ({ name, priority, index }))
    .filter(({ priority }) => priority === 0) ?? [];
  const rows = tables.flatMap(({ rows = [] }) =>
    rows.map(({ cells }) =>
      columns.map(({ index }, position) => {
        const text = String(cells[index] ?? "");
        return position === 0 ? prefix + text : text;
      })
    )
  );
  return printableTable(columns.map(({ name }) => name), rows);
}

const segmenter = new Intl.Segmenter();
// deno-lint-ignore no-control-regex
const COLOUR = /\x1b\[\d+m/g;
const widthOf = (text: string): number => [...segmenter.segment(text.replace(COLOUR, ""))].length;
