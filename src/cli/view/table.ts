import { fit } from "./display-text.ts";
import { displayWidth } from "./text-width.ts";

/** A column of a table: its head, and what stands in it. Texts are printable. */
export interface Column<Row> {
  readonly head: string;
  readonly align?: "left" | "right";
  /** Gives way where the terminal is too narrow: cut in its middle. At most one column of a table. */
  readonly isFlexible?: boolean;
  cell(row: Row): string;
}

const GAP = "  ";
const FLEXIBLE_MIN = 12;
/** Also where nothing limits the table: one long name must not push all numbers out of sight. */
const FLEXIBLE_MAX = 100;

/** A table in lines, its head first; none is wider than `columnsMax` where the flexible column can help it. Pure. */
export function tableLines<Row>(
  columns: readonly Column<Row>[],
  rows: readonly Row[],
  columnsMax = Number.POSITIVE_INFINITY,
): string[] {
  const cells = rows.map((row) => columns.map((column) => column.cell(row)));
  const natural = columns.map(({ head }, index) =>
    Math.max(displayWidth(head), ...cells.map((row) => displayWidth(row[index] ?? ""))),
  );
  const widths = shrunk(columns, natural, columnsMax);
  return [columns.map(({ head }) => head), ...cells].map((row) => lineOf(columns, row, widths));
}

function shrunk<Row>(
  columns: readonly Column<Row>[],
  natural: readonly number[],
  columnsMax: number,
): number[] {
  const isFlexible = (index: number) => columns[index]?.isFlexible === true;
  const widths = natural.map((width, index) => (isFlexible(index) ? Math.min(width, FLEXIBLE_MAX) : width));
  const all = widths.reduce((sum, width) => sum + width, 0) + GAP.length * (widths.length - 1);
  const excess = Math.max(0, all - columnsMax);
  return widths.map((width, index) =>
    isFlexible(index) ? Math.max(Math.min(width, FLEXIBLE_MIN), width - excess) : width,
  );
}

function lineOf<Row>(
  columns: readonly Column<Row>[],
  row: readonly string[],
  widths: readonly number[],
): string {
  const cells = columns.map(({ align }, index) => fit(row[index] ?? "", widths[index] ?? 0, align));
  return cells.join(GAP).trimEnd();
}
