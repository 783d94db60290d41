import { median, spread } from "./statistics.ts";

/** One line of a table: what it shows, and the plain value for the JSON. */
export interface Cell {
  readonly shown: string;
  readonly value: number | string | boolean | null;
}

/** A table of figures, with the load that they were measured under. */
export interface Table {
  readonly title: string;
  /** What ran, in one or two sentences. */
  readonly load: string;
  readonly columns: readonly string[];
  readonly rows: readonly (readonly (string | Cell)[])[];
}

/** A figure that was promised. */
export interface Goal {
  readonly what: string;
  readonly holds: boolean;
  readonly measured: string;
}

/** A number with its unit in the column's title. */
export function cell(value: number, digits = 0): Cell {
  return { shown: value.toFixed(digits), value };
}

/** Median with the range in brackets. */
export function spreadCell(values: readonly number[], digits: number): Cell {
  return { shown: spread(values, digits), value: median(values) };
}

export function tableLines({ title, load, columns, rows }: Table): string[] {
  const texts = [columns, ...rows.map((row) => row.map(shownOf))];
  const widths = columns.map((_, i) => Math.max(...texts.map((row) => row[i]?.length ?? 0)));
  const lines = texts.map((row) => row.map((text, i) => pad(text, widths[i] ?? 0, i > 0)).join("  "));
  return [title, `  (${load})`, ...lines.map((line) => `  ${line}`)];
}

/** The table for a machine: rows as objects, named by the columns. */
export function tableJson({ title, load, columns, rows }: Table): object {
  const named = rows.map((row) => Object.fromEntries(row.map((item, i) => [columns[i] ?? i, plainOf(item)])));
  return { title, load, rows: named };
}

export function goalLine({ what, holds, measured }: Goal): string {
  return `  ${holds ? "holds " : "MISSED"}  ${what}: ${measured}`;
}

function shownOf(item: string | Cell): string {
  return typeof item === "string" ? item : item.shown;
}

function plainOf(item: string | Cell): Cell["value"] {
  return typeof item === "string" ? item : item.value;
}

function pad(text: string, width: number, toTheRight: boolean): string {
  return toTheRight ? text.padStart(width) : text.padEnd(width);
}
