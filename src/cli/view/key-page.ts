import { formatDuration } from "../../model/duration-text.ts";
import { briefBytes } from "../../model/figures.ts";
import type { MeasureUnit } from "../../model/measure.ts";
import type { Facts } from "../../model/target.ts";
import { piecesOf, wrap } from "./display-text.ts";
import { incidentText } from "./incident-lines.ts";
import { formatMargin, formatRate, formatShare } from "./numbers.ts";
import type { Paint } from "./paint.ts";
import type { IncidentRow, KeyRow, Named, Scene } from "./scene.ts";
import { chartRows, type Trails, trailOf } from "./trails.ts";
import type { Opened } from "./view-state.ts";

const LABEL_COLUMNS = 10;
const VALUE_LINES_MAX = 6;
const NAMES_MAX = 12;
const INCIDENTS_MAX = 3;
const CHART_ROWS = 5;
const CHART_COLUMNS_MAX = 60;

const GONE = "not among the hottest keys any more: this is how it was last seen";

/** Something known of a key: a label, and what stands beside it. */
type Fact = readonly [label: string, value: string | null];

/** All that is known of one key. Pure. */
export function keyPageLines(
  { row, isGone }: Opened,
  { scene, trails }: { readonly scene: Scene; readonly trails: Trails },
  columns: number,
  paint: Paint,
): string[] {
  const valueColumns = Math.max(1, columns - LABEL_COLUMNS);
  const gone = isGone ? wrap(GONE, columns, VALUE_LINES_MAX).map(paint.yellow) : [];
  const factPart = (facts: readonly Fact[]) => facts.flatMap((fact) => factLines(fact, valueColumns, paint));
  const name = labelled("KEY", piecesOf(nameOf(row), valueColumns), paint);
  const incidents = row.incidents
    .slice(0, INCIDENTS_MAX)
    .flatMap((incident) => incidentPart(incident, scene.atMs, valueColumns, paint));
  return [
    ...gone,
    ...name,
    ...factPart(heatFacts(row, scene.windowMs)),
    ...incidents,
    ...chartLines(row, trails, valueColumns, paint),
    ...factPart(originFacts(row)),
  ];
}

function nameOf({ text, isCut }: KeyRow): string {
  if (text === "") return "(the empty key)";
  return isCut ? `${text}... (longer than 1 KiB)` : text;
}

/** How hot it is, and where. */
function heatFacts(row: KeyRow, windowMs: number): Fact[] {
  const { mix, target, share } = row;
  const place = [
    `db ${row.db}`,
    ...(row.slot === null ? [] : [`slot ${row.slot}`]),
    target ?? "server not known",
  ];
  return [
    ["PATTERN", row.pattern],
    ["PLACE", place.join(", ")],
    [
      "RATES",
      `total ${formatRate(row.ratePerSecond)}/s, read ${formatRate(mix.read)}/s, write ${formatRate(mix.write)}/s, miss ${formatRate(mix.miss)}/s (a miss is also a read)`,
    ],
    ["NOW", `${formatRate(row.currentPerSecond)}/s in the last second`],
    ["COUNT", countText(row, windowMs)],
    ["SHARE", share === null ? "not known" : `${formatShare(share)} of the accesses of its node`],
  ];
}

/** How that is known, and who does it. */
function originFacts(row: KeyRow): Fact[] {
  return [
    ["VANTAGE", vantagesText(row)],
    ["COMMANDS", namesText(row.commands)],
    ["SERVICES", namesText(row.services)],
    [
      "ABSORBED",
      row.absorbedPerSecond > 0
        ? `${formatRate(row.absorbedPerSecond)} reads/s were answered by clients' own caches`
        : null,
    ],
    ["BYTES", row.bytesPerSecond === null ? null : `${briefBytes(row.bytesPerSecond)}/s`],
    [
      "SUSPECT",
      row.isSuspect ? "clients claimed more than their servers ran: the counts are held to that" : null,
    ],
  ];
}

function countText({ count: { estimate, lower, upper }, marginPerSecond }: KeyRow, windowMs: number): string {
  const told = `${formatRate(estimate)} accesses in ${windowMs / 1000} s`;
  if (upper === null) return `${told}, at least ${formatRate(lower)}; how many at most is not known`;
  if (upper === lower) return `${told}, exactly`;
  return `${told}, from ${formatRate(lower)} to ${formatRate(upper)} (${formatMargin(marginPerSecond)}/s)`;
}

function vantagesText({ vantages: { read, write, miss } }: KeyRow): string {
  const known = [
    ["reads", read],
    ["writes", write],
    ["misses", miss],
  ] as const;
  const parts = known.flatMap(([kind, vantage]) => (vantage === undefined ? [] : [`${kind} by ${vantage}`]));
  const unseen = read === undefined ? ["reads are not seen"] : [];
  return [...parts, ...unseen].join(", ");
}

function namesText(names: readonly Named[]): string | null {
  if (names.length === 0) return null;
  const shown = names
    .slice(0, NAMES_MAX)
    .map(({ name, count }) => `${name} ${formatRate(Math.round(count))}`);
  const more = names.length - shown.length;
  return [...shown, ...(more > 0 ? [`and ${more} more`] : [])].join(", ");
}

function factLines([label, value]: Fact, columns: number, paint: Paint): string[] {
  return value === null ? [] : labelled(label, wrap(value, columns, VALUE_LINES_MAX), paint);
}

function labelled(label: string, lines: readonly string[], paint: Paint): string[] {
  return lines.map((line, index) => paint.dim((index === 0 ? label : "").padEnd(LABEL_COLUMNS)) + line);
}

function chartLines({ id }: KeyRow, trails: Trails, columns: number, paint: Paint): string[] {
  const points = trailOf(trails, id).slice(-Math.min(columns, CHART_COLUMNS_MAX));
  const rows = chartRows(points, points.length, CHART_ROWS);
  if (rows.length === 0) return [];
  const highest = Math.max(...points.map((point) => point ?? 0));
  const scale = `the last ${formatDuration(points.length * 1000)}, at most ${formatRate(highest)}/s`;
  return labelled("TREND", [...rows, ...wrap(scale, columns, 2)], paint);
}

/** Its line, the measure that it is judged by, the value, and what would help. */
function incidentPart(incident: IncidentRow, nowMs: number, columns: number, paint: Paint): string[] {
  const { facts, advice, muted } = incident;
  const state = `${incident.status}${muted === null ? "" : ` (${muted})`}  ${incidentText(incident, nowMs)}`;
  const tone = incident.status === "firing" ? paint.red : paint.yellow;
  const lines = wrap(state, columns, VALUE_LINES_MAX).map(tone);
  return [
    ...labelled("INCIDENT", lines, paint),
    ...factLines(["JUDGED BY", measureText(incident)], columns, paint),
    ...factLines(["VALUE", facts === null ? null : valueText(facts)], columns, paint),
    ...advice.flatMap(({ remedy, why, url }) => [
      ...labelled("ADVICE", wrap(`${remedy}: ${why}`, columns, VALUE_LINES_MAX), paint),
      ...labelled("", url === "" ? [] : piecesOf(url, columns), paint),
    ]),
  ];
}

const UNITS: Readonly<Record<MeasureUnit, string>> = {
  "accesses/s": "/s",
  "bytes/s": " bytes/s",
  share: " of its node",
  ratio: " times its peers",
  seconds: " s",
};

function measureText({ measure: { unit, value, threshold, baseline } }: IncidentRow): string {
  const told = (number: number) =>
    (unit === "share" ? formatShare(number) : formatRate(number)) + UNITS[unit];
  const found = value === null ? "not known just now" : told(value);
  const usual = baseline === null ? "" : `, usual is ${formatRate(baseline)}/s`;
  return `${found}, threshold ${told(threshold)}${usual}`;
}

function valueText({ type, bytes, ttlSeconds, encoding }: Facts): string {
  const parts = [
    type,
    ...(encoding === null ? [] : [encoding]),
    ...(bytes === null ? [] : [briefBytes(bytes)]),
    ttlSeconds === null ? "no expiry" : `expires in ${formatDuration(ttlSeconds * 1000)}`,
  ];
  return parts.join(", ");
}
