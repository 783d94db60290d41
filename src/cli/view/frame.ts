import { formatDuration } from "../../model/duration-text.ts";
import type { IncidentStatus } from "../../model/incident.ts";
import { cutEnd, fit, wrap } from "./display-text.ts";
import { formatMargin, formatRate, formatShare } from "./numbers.ts";
import type { Paint } from "./paint.ts";
import type { IncidentRow, KeyRow, Scene, TargetRow } from "./scene.ts";

/** What stands around the scene. */
export interface FrameTexts {
  /** `keyheat demo`. */
  readonly title: string;
  /** A line below the title: what is being watched, what the demo does. */
  readonly subtitle: string;
  readonly footer: string;
}

export interface FrameSize {
  readonly columns: number;
  readonly rows: number;
}

const KEYS_MAX = 12;
const INCIDENTS_MAX = 4;
const PROBLEMS_MAX = 3;
const PROBLEM_LINES_MAX = 3;
const TARGETS_MAX = 4;
const COLUMNS_MAX = 120;
/** Rate at which a bar is at least measured, so that a calm server does not look hot. */
const BAR_RATE_MIN = 1000;

/** The lines of the live view; none is wider than the terminal, and they are fewer than its rows. Pure. */
export function frameLines(scene: Scene, texts: FrameTexts, size: FrameSize, paint: Paint): string[] {
  const columns = Math.max(20, Math.min(size.columns - 1, COLUMNS_MAX));
  const header = headerLines(scene, texts, columns, paint);
  const incidents = incidentLines(scene, columns, paint);
  const footer = ["", paint.dim(cutEnd(texts.footer, columns))];
  const roomForKeys = size.rows - 1 - header.length - incidents.length - footer.length - 1;
  const keys = keyLines(scene.keys.slice(0, Math.max(1, Math.min(KEYS_MAX, roomForKeys))), columns, paint);
  return [...header, ...keys, ...incidents, ...footer].slice(0, Math.max(1, size.rows - 1));
}

function headerLines(scene: Scene, texts: FrameTexts, columns: number, paint: Paint): string[] {
  const rate = scene.accessesPerSecond;
  const told = rate === null ? "" : `${formatRate(rate)} accesses/s seen`;
  const seen = texts.title.length + told.length < columns ? told : "";
  const title = fit(texts.title, columns - seen.length);
  const lines = [`${paint.bold(title)}${seen}`, paint.dim(cutEnd(texts.subtitle, columns))];
  for (const target of scene.targets.slice(0, TARGETS_MAX)) lines.push(targetLine(target, columns, paint));
  if (scene.targets.length > TARGETS_MAX)
    lines.push(paint.dim(cutEnd(`and ${scene.targets.length - TARGETS_MAX} more`, columns)));
  for (const problem of scene.problems.slice(0, PROBLEMS_MAX)) {
    for (const line of wrap(`! ${problem}`, columns, PROBLEM_LINES_MAX)) lines.push(paint.yellow(line));
  }
  return [...lines, ""];
}

function targetLine({ target, role, state, coverage }: TargetRow, columns: number, paint: Paint): string {
  const word = fit(state, 6);
  const painted =
    state === "seen" ? paint.green(word) : state === "stale" ? paint.yellow(word) : paint.red(word);
  const details = `writes seen ${formatShare(coverage.write)}, reads seen ${formatShare(coverage.read)}`;
  return `${painted} ${cutEnd(`${target} (${role})  ${details}`, columns - 7)}`;
}

const RANK = 3;
const RATE = 10;
const MARGIN = 8;
const SHARE = 7;
const MIX = 12;
const BAR_MIN = 6;
const BAR_MAX = 24;
const KEY_MIN = 12;
const KEY_WITH_BAR_MIN = 24;
const KEY_MAX = 48;

/** Widths of the two columns that give way; a terminal too narrow for the bar has none. */
function flexibleWidths(columns: number): { key: number; bar: number } {
  const rest = columns - RANK - RATE - MARGIN - SHARE - MIX - 6;
  if (rest < KEY_WITH_BAR_MIN + BAR_MIN) return { key: Math.max(KEY_MIN, rest), bar: 0 };
  const key = Math.max(KEY_WITH_BAR_MIN, Math.min(KEY_MAX, Math.floor(rest * 0.66)));
  return { key, bar: Math.min(BAR_MAX, rest - key) };
}

function keyLines(rows: readonly KeyRow[], columns: number, paint: Paint): string[] {
  const widths = flexibleWidths(columns);
  const head = cells(["#", "KEY", "RATE/S", "BOUND", "SHARE", " KIND"], widths.key);
  if (rows.length === 0)
    return [paint.dim(cutEnd(head, columns)), paint.dim(cutEnd("    no accesses seen yet", columns))];
  const hottest = Math.max(BAR_RATE_MIN, ...rows.map(({ ratePerSecond }) => ratePerSecond));
  const lines = rows.map((row, index) => {
    const { label, db, ratePerSecond, marginPerSecond, share } = row;
    const key = db === 0 ? label : `${label} (db ${db})`;
    const numbers = [formatRate(ratePerSecond), formatMargin(marginPerSecond), formatShare(share)];
    const text = cells([String(index + 1), key, ...numbers, ` ${mixText(row)}`], widths.key);
    const bar = widths.bar === 0 ? "" : ` ${heatBar(ratePerSecond / hottest, widths.bar)}`;
    return heatPaint(row.incident, paint)(cutEnd(text, columns)) + heatPaint(row.incident, paint)(bar);
  });
  return [paint.dim(cutEnd(head, columns)), ...lines];
}

function cells(
  [rank = "", key = "", rate = "", margin = "", share = "", mix = ""]: string[],
  keyWidth: number,
): string {
  return [
    fit(rank, RANK, "right"),
    fit(key, keyWidth),
    fit(rate, RATE, "right"),
    fit(margin, MARGIN, "right"),
    fit(share, SHARE, "right"),
    fit(mix, MIX),
  ].join(" ");
}

function heatPaint(incident: IncidentStatus | null, paint: Paint): (text: string) => string {
  if (incident === "firing") return paint.red;
  return incident === null ? (text) => text : paint.yellow;
}

/** Which kinds a key's accesses are of: `write`, or the two largest: `80% w 20% m`. */
export function mixText({ mix }: KeyRow): string {
  const hits = Math.max(0, mix.read - mix.miss);
  const kinds = [
    { word: "write", rate: mix.write },
    { word: "read", rate: hits },
    { word: "miss", rate: mix.miss },
  ].sort((a, b) => b.rate - a.rate);
  const total = mix.write + hits + mix.miss;
  const [first, second] = kinds;
  if (first === undefined || second === undefined || total === 0) return "-";
  const percent = (rate: number) => Math.round((rate / total) * 100);
  if (percent(first.rate) === 100) return first.word;
  return `${percent(first.rate)}% ${first.word[0]} ${percent(second.rate)}% ${second.word[0]}`;
}

const EIGHTHS = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"];

/** A bar of at most `width` columns, in steps of an eighth; `fraction` in 0..1. */
export function heatBar(fraction: number, width: number): string {
  const eighths = Math.round(Math.max(0, Math.min(1, fraction)) * width * 8);
  return "█".repeat(Math.floor(eighths / 8)) + (EIGHTHS[eighths % 8] ?? "");
}

function incidentLines(scene: Scene, columns: number, paint: Paint): string[] {
  if (scene.incidents.length === 0) return ["", paint.dim("no incidents")];
  const lines = scene.incidents.slice(0, INCIDENTS_MAX).map((incident) => {
    const word = fit(incident.status, 10);
    return statusPaint(incident, paint)(word) + cutEnd(incidentText(incident, scene.atMs), columns - 10);
  });
  return ["", paint.dim(cutEnd("INCIDENTS", columns)), ...lines];
}

function statusPaint({ status, severity }: IncidentRow, paint: Paint): (text: string) => string {
  if (status === "resolved") return paint.green;
  return status === "firing" && severity !== "info" ? paint.red : paint.yellow;
}

/** An incident in one line, without its status. */
export function incidentText(incident: IncidentRow, nowMs: number): string {
  const { label, rule, severity, status, startedAtMs, resolvedAtMs, ratePerSecond, peakRatePerSecond } =
    incident;
  const peak = `peak ${formatRate(peakRatePerSecond)}/s`;
  const what = status === "resolved" ? peak : `${formatRate(ratePerSecond)}/s, ${peak}`;
  const since =
    status === "resolved"
      ? `lasted ${formatDuration((resolvedAtMs ?? nowMs) - startedAtMs)}`
      : `for ${formatDuration(nowMs - startedAtMs)}`;
  return `${label}  ${what}, ${since}  (${rule}, ${severity})`;
}
