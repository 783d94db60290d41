import type { BacktestResult } from "../../backtest.ts";
import { roundedRate } from "../../model/heat.ts";
import type { Incident } from "../../model/incident.ts";
import { incidentJson } from "../../model/incident-json.ts";
import { keyLabel } from "../../model/key.ts";
import { displayWidth, printable } from "../view/display-text.ts";
import { type BacktestSummary, firstPages } from "./summary.ts";

export interface Report {
  readonly result: BacktestResult;
  readonly summary: BacktestSummary;
  /** What is missing of the past, a line each. */
  readonly notes: readonly string[];
}

/** One JSON document: incidents as the API shows them, messages, and the summary. */
export function reportJson({ result, summary, notes }: Report): string {
  const { span, end, incidents, messages } = result;
  const document = {
    from: span === null ? null : isoTime(span.fromMs),
    to: span === null ? null : isoTime(span.toMs),
    complete: end === "whole",
    notes,
    incidents: incidents.map(incidentJson),
    messages: messages.map(({ receiver, atMs, event, incidents: ids }) => {
      return { receiver, at: isoTime(atMs), event, incidents: ids };
    }),
    summary,
  };
  return `${JSON.stringify(document, null, 2)}\n`;
}

/** The same for people. */
export function reportText({ result, summary, notes }: Report): string {
  const { span } = result;
  if (span === null) return textOf(["nothing was published in this time", ...notes]);
  const head = `${isoTime(span.fromMs)} to ${isoTime(span.toMs)}: ${counted(summary.incidents, "incident")}, ${counted(summary.pages, "page")}`;
  return textOf([
    head,
    ...notes,
    ...section(incidentRows(result)),
    ...section(receiverRows(summary)),
    ...section(dayRows(summary)),
  ]);
}

function textOf(lines: readonly string[]): string {
  return `${lines.join("\n")}\n`;
}

function incidentRows(result: BacktestResult): string[][] {
  const pages = firstPages(result);
  const head = ["rule", "severity", "key", "node", "fired", "resolved", "peak", "first page"];
  const rows = result.incidents.map((incident) => [
    incident.rule,
    incident.severity,
    subjectOf(incident),
    incident.target === null ? "-" : printable(incident.target),
    incident.firedAtMs === null ? "-" : isoTime(incident.firedAtMs),
    incident.resolvedAtMs === null ? `still ${incident.status}` : isoTime(incident.resolvedAtMs),
    peakOf(incident),
    pageAfter(incident, pages.get(incident.id)),
  ]);
  return [head, ...rows];
}

/** The key as metrics label it; databases beside 0 are named. */
function subjectOf({ key }: Incident): string {
  if (key === null) return "(the whole node)";
  const label = keyLabel(key.bytes);
  return key.db === 0 ? label : `${label} (db ${key.db})`;
}

function peakOf({ key, peakRatePerSecond, measure }: Incident): string {
  if (key !== null) return `${roundedRate(peakRatePerSecond)}/s`;
  return measure.value === null ? "-" : String(Math.round(measure.value * 100) / 100);
}

function pageAfter({ startedAtMs }: Incident, pageMs: number | undefined): string {
  return pageMs === undefined ? "none" : `after ${((pageMs - startedAtMs) / 1000).toFixed(1)} s`;
}

function receiverRows({ receivers }: BacktestSummary): string[][] {
  const head = [
    "receiver",
    "messages",
    "of which pages",
    "incidents told",
    "saved by grouping",
    "silent in the cooldown",
  ];
  const rows = receivers.map(({ receiver, messages, pages, incidents, grouped, silentRefires }) =>
    [receiver, messages, pages, incidents, grouped, silentRefires].map(String),
  );
  return [head, ...rows];
}

function dayRows({ days }: BacktestSummary): string[][] {
  return [
    ["day (UTC)", "rule", "incidents", "pages"],
    ...days.map(({ day, rule, incidents, pages }) => [day, rule, String(incidents), String(pages)]),
  ];
}

/** A table with a blank line before it; nothing where it has no rows. */
function section(rows: readonly (readonly string[])[]): string[] {
  const [head] = rows;
  if (head === undefined || rows.length === 1) return [];
  const widths = head.map((_, column) =>
    rows.reduce((widest, row) => Math.max(widest, displayWidth(row[column] ?? "")), 0),
  );
  const lines = rows.map((row) => row.map((cell, column) => padded(cell, widths[column] ?? 0)).join("  "));
  return ["", ...lines.map((line) => line.trimEnd())];
}

function padded(text: string, columns: number): string {
  return text + " ".repeat(Math.max(0, columns - displayWidth(text)));
}

function counted(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? "" : "s"}`;
}

function isoTime(ms: number): string {
  return new Date(ms).toISOString();
}
