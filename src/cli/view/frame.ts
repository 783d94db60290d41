import { visible } from "../../model/visible-text.ts";
import { cutEnd } from "./display-text.ts";
import { type HeaderTexts, headerLines } from "./header-lines.ts";
import { helpLines } from "./help-lines.ts";
import { incidentLines } from "./incident-lines.ts";
import { keyPageLines } from "./key-page.ts";
import { emptyTableText, keyTableLines } from "./key-table.ts";
import type { Paint } from "./paint.ts";
import { displayWidth } from "./text-width.ts";
import { type Moment, type Room, shownKeys, shownMoment, type ViewState } from "./view-state.ts";

/** What stands around the scene. */
export interface FrameTexts extends HeaderTexts {
  /** Where the numbers come from. */
  readonly footer: string;
}

export interface FrameSize {
  readonly columns: number;
  readonly rows: number;
}

/** All that a frame is made of. */
export interface View {
  readonly state: ViewState;
  readonly moment: Moment;
  readonly texts: FrameTexts;
  /** Which keys the last line tells of. */
  readonly hints: "keys" | "end" | "none";
  readonly nowMs: number;
}

interface Frame extends Room {
  readonly lines: readonly string[];
}

const COLUMNS_MIN = 20;
const COLUMNS_MAX = 240;
const ROWS_MIN = 3;
/** Below these, a table with anything beside it would be no table. */
const ROWS_WITH_FOOTER_MIN = 10;
const BODY_ROWS_WITH_INCIDENTS_MIN = 8;

/** The lines of the live view; none is wider than the terminal, and they are fewer than its rows. Pure. */
export function frameLines(view: View, size: FrameSize, paint: Paint): readonly string[] {
  return frameOf(view, size, paint).lines.slice(0, Math.max(1, size.rows - 1));
}

/** What fits into a terminal of that size. Pure. */
export function roomOf(view: View, size: FrameSize, paint: Paint): Room {
  const { tableRows, scrollMax } = frameOf(view, size, paint);
  return { tableRows, scrollMax };
}

function frameOf(view: View, size: FrameSize, paint: Paint): Frame {
  const columns = Math.max(COLUMNS_MIN, Math.min(size.columns - 1, COLUMNS_MAX));
  const header = headerOf(view, { ...size, columns }, paint);
  const hasFooter = size.rows >= ROWS_WITH_FOOTER_MIN || view.state.isTyping;
  const footer = hasFooter ? footerLines(view, columns, paint) : [];
  const bodySize = { columns, rows: Math.max(ROWS_MIN, size.rows - 1 - header.length - footer.length) };
  const { lines, ...room } = bodyOf(view, bodySize, paint);
  return { lines: [...header, ...lines, ...footer], ...room };
}

function headerOf({ state, moment, texts, nowMs }: View, { columns, rows }: FrameSize, paint: Paint) {
  if (state.isHelpShown) return [];
  const isTable = state.opened === null;
  const problemLinesMax = Math.max(2, Math.min(4, Math.floor(rows / 8)));
  const targetsMax = isTable ? Math.min(4, Math.floor(rows / 6)) : 0;
  return headerLines({ state, moment, texts, nowMs }, { columns, problemLinesMax, targetsMax }, paint);
}

function bodyOf(view: View, size: FrameSize, paint: Paint): Frame {
  const { state, moment } = view;
  if (state.isHelpShown) return page(helpLines(size.columns, paint), 0, size, paint);
  if (state.opened === null) return tableBody(view, size, paint);
  const lines = keyPageLines(state.opened, shownMoment(state, moment), size.columns, paint);
  return page(lines, state.opened.scroll, size, paint);
}

function page(lines: readonly string[], scroll: number, { rows }: FrameSize, paint: Paint): Frame {
  const scrollMax = Math.max(0, lines.length - rows);
  const first = Math.min(scroll, scrollMax);
  const shown = lines.slice(first, first + rows);
  const hidden = scrollMax - first;
  // The last line makes room for saying so.
  const all = hidden === 0 ? shown : [...shown.slice(0, -1), paint.dim(`↓ ${hidden + 1} more`)];
  return { lines: all, scrollMax, tableRows: rows };
}

function tableBody({ state, moment, nowMs }: View, { columns, rows }: FrameSize, paint: Paint): Frame {
  const { scene, trails } = shownMoment(state, moment);
  const { filter, sort } = state.selection;
  const incidents = rows < BODY_ROWS_WITH_INCIDENTS_MIN ? [] : incidentLines(scene, columns, paint);
  const rowsMax = Math.max(ROWS_MIN, rows - incidents.length - 1);
  const table = {
    rows: shownKeys(state, moment),
    cursorRow: state.cursor?.row ?? null,
    sort,
    emptyText: emptyTableText(scene, visible(filter)),
  };
  // Of what is frozen, ages do not grow.
  const context = { trails, nowMs: state.frozen === null ? nowMs : scene.atMs };
  const lines = keyTableLines(table, { columns, rowsMax }, context, paint);
  return { lines: [...lines, ...incidents], tableRows: rowsMax, scrollMax: 0 };
}

const TABLE_HINTS = "↑↓ move  Enter look into  / filter  s sort  p pause  ? help  q quit";
const PAGE_HINTS = "Esc back  ↑↓ scroll  p pause  ? help  Ctrl-C quit";

function footerLines({ state, hints, texts }: View, columns: number, paint: Paint): string[] {
  if (state.isHelpShown) return [];
  if (state.isTyping) return ["", typingLine(state.selection.filter, columns, paint)];
  const keys = state.opened === null ? TABLE_HINTS : PAGE_HINTS;
  const told = { keys, end: "Ctrl-C ends", none: "" }[hints];
  const parts = [told, texts.footer].filter((part) => part !== "");
  const joined = parts.join("   ");
  const lines = displayWidth(joined) <= columns ? [joined] : parts;
  return parts.length === 0 ? [] : ["", ...lines.map((line) => paint.dim(cutEnd(line, columns)))];
}

function typingLine(filter: string, columns: number, paint: Paint): string {
  const typed = cutEnd(`filter: ${visible(filter)}▏`, columns);
  const hint = cutEnd("   Enter keeps it, Esc clears it", columns - displayWidth(typed));
  return paint.bold(typed) + paint.dim(hint);
}
