import type { IncidentStatus } from "../../model/incident.ts";
import { cutEnd, fit } from "./display-text.ts";
import { type CellContext, type PlacedColumn, placedColumns } from "./key-columns.ts";
import type { Sort } from "./key-order.ts";
import { formatShare } from "./numbers.ts";
import type { Paint } from "./paint.ts";
import { type KeyRow, type Scene, statusOf, type TargetRow } from "./scene.ts";
import { isWidthCertain } from "./text-width.ts";

/** The table of the hottest keys. */
export interface KeyTable {
  readonly rows: readonly KeyRow[];
  /** Index of the row that is pointed at; `null`: none. */
  readonly cursorRow: number | null;
  readonly sort: Sort;
  /** Why there are no rows. */
  readonly emptyText: string;
}

/** The head, and as many rows as there is room for, around the one that is pointed at. Pure. */
export function keyTableLines(
  { rows, cursorRow, sort, emptyText }: KeyTable,
  { columns, rowsMax }: { readonly columns: number; readonly rowsMax: number },
  context: CellContext,
  paint: Paint,
): string[] {
  const placed = placedColumns(columns, context);
  const head = headLine(placed, sort, columns, paint);
  if (rows.length === 0) return [head, paint.dim(cutEnd(`    ${emptyText}`, columns))];
  const first = firstRow(rows.length, cursorRow, rowsMax);
  const lines = rows.slice(first, first + rowsMax).map((row, index) => {
    const text = rowLine(row, placed, context, paint);
    const painted = heatPaint(statusOf(row), paint)(text);
    return first + index === cursorRow ? paint.inverse(painted) : painted;
  });
  return [head, ...lines];
}

/** The row that is pointed at stands in the middle, where there is more above and below. */
function firstRow(rows: number, cursorRow: number | null, rowsMax: number): number {
  const wanted = (cursorRow ?? 0) - Math.floor(rowsMax / 2);
  return Math.max(0, Math.min(rows - rowsMax, wanted));
}

function headLine(placed: readonly PlacedColumn[], sort: Sort, columns: number, paint: Paint): string {
  const width = placed.reduce((sum, one) => sum + one.columns + 1, -1);
  if (width > columns) return paint.dim(cutEnd(placed.map(({ column }) => column.head).join(" "), columns));
  const cells = placed.map(({ column, columns: own }) => {
    const text = fit(column.head, own, column.align);
    return column.sort === sort ? paint.bold(text) : paint.dim(text);
  });
  return cells.join(" ");
}

function rowLine(row: KeyRow, placed: readonly PlacedColumn[], context: CellContext, paint: Paint): string {
  let line = "";
  let column = 0;
  for (const [index, { column: kind, columns }] of placed.entries()) {
    const text = fit(kind.cell(row, columns, context), columns, kind.align);
    column += columns + 1;
    const isLast = index === placed.length - 1;
    // Ours are of certain width; names from elsewhere need not be.
    const isSure = kind.align === "right" || isWidthCertain(text);
    line += isLast ? text : `${text} ${isSure ? "" : paint.toColumn(column)}`;
  }
  return line;
}

function heatPaint(status: IncidentStatus | null, paint: Paint): (text: string) => string {
  if (status === "firing") return paint.red;
  return status === null ? (text) => text : paint.yellow;
}

/** Why a scene has no keys to show: that nothing is hot is another thing than that nobody looks. */
export function emptyTableText({ atMs, targets, keys, complete, windowMs }: Scene, filter: string): string {
  if (atMs === 0) return "waiting for the first answer";
  if (keys.length > 0) return `none of the ${keys.length} hottest keys has "${filter}" in it`;
  if (targets.length === 0) return "not watching: no server is known yet";
  const unseen = targets.filter(({ state }) => state !== "seen").length;
  if (unseen === targets.length)
    return "blind: no server is seen, so it is not known whether anything is hot";
  if (unseen > 0) return `no accesses seen, but ${unseen} of ${targets.length} servers are not seen`;
  if (!complete) return "no accesses seen yet";
  return unseenText(targets) ?? `quiet: no accesses in the last ${windowMs / 1000} s`;
}

/** Where less of what a server ran is seen, there may be accesses although none is. */
const QUIET_RATIO_MIN = 0.9;

/** Of which accesses too few are seen to say that there are none; `null`: of none. */
function unseenText(targets: readonly TargetRow[]): string | null {
  const ratios = targets.flatMap(({ coverage: { read, write } }) => [
    { kind: "reads", ratio: read ?? 1 },
    { kind: "writes", ratio: write ?? 1 },
  ]);
  const [least] = ratios.toSorted((one, other) => one.ratio - other.ratio);
  if (least === undefined || least.ratio >= QUIET_RATIO_MIN) return null;
  return `no accesses seen, but only ${formatShare(least.ratio)} of the ${least.kind} of the last minute were seen`;
}
