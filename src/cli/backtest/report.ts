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

/** One JSON document: incidents as the API shows them, messages, and the summary; of other rules likewise, as `against`. */
export function reportJson(report: Report, against: Report | null = null): string {
  const document = { ...documentOf(report), ...(against && { against: documentOf(against) }) };
  return `${JSON.stringify(document, null, 2)}\n`;
}

function documentOf({ result, summary, notes }: Report) {
  const { span, end, incidents, messages } = result;
  return {
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
}

/** The same for people; of the other rules what they find otherwise. */
export function reportText(report: Report, against: Report | null = null): string {
  const { result, summary, notes } = report;
  const { span } = result;
  if (span === null) return textOf(["nothing was published in this time", ...notes]);
  const head = `${isoTime(span.fromMs)} to ${isoTime(span.toMs)}: ${counted(summary.incidents, "incident")}, ${counted(summary.pages, "page")}`;
  return textOf([
    head,
    ...notes,
    ...section(incidentRows(result)),
    ...section(receiverRows(summary)),
    ...section(dayRows(summary)),
    ...(against === null ? [] : comparison(report, against)),
  ]);
}

/** What the other rules would have made of the same past, beside what these do. */
function comparison(report: Report, against: Report): string[] {
  const receivers = new Set(
    [report, against].flatMap(({ summary }) => summary.receivers.map(({ receiver }) => receiver)),
  );
  const rows = Array.from(receivers, (name) => {
    const [own, other] = [report, against].map(({ summary }) => {
      const found = summary.receivers.find(({ receiver }) => receiver === name);
      return [String(found?.pages ?? "-"), String(found?.incidents ?? "-")];
    });
    return [name, own?.[0] ?? "", other?.[0] ?? "", own?.[1] ?? "", other?.[1] ?? ""];
  });
  const head = ["receiver", "pages", "pages against", "incidents told", "incidents told against"];
  return [
    "",
    `against: ${counted(against.summary.incidents, "incident")}, ${counted(against.summary.pages, "page")}`,
    ...against.notes,
    ...section([head, ...rows]),
    ...difference("hot only under these rules", report, against),
    ...difference("hot only under those it is compared with", against, report),
  ];
}

const DIFFERENT_MAX = 100;

/** Keys and nodes of which one set of rules has an incident, and the other has none. */
function difference(title: string, one: Report, other: Report): string[] {
  const known = new Set(other.result.incidents.map(placeOf));
  const own = new Set(one.result.incidents.map(placeOf).filter((place) => !known.has(place)));
  if (own.size === 0) return [];
  const lines = [...own].slice(0, DIFFERENT_MAX).map((place) => `  ${place}`);
  const more = own.size - lines.length;
  return ["", `${title}:`, ...lines, ...(more === 0 ? [] : [`  and ${more} more`])];
}

/** The same whichever rule it is, and wherever a key lives by now. */
function placeOf(incident: Incident): string {
  const { cluster, key, target } = incident;
  const subject = key === null ? `node ${printable(target ?? "-")}` : subjectOf(incident);
  return `${printable(cluster)}: ${subject}`;
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
