import { formatDuration } from "../../model/duration-text.ts";
import { visible } from "../../model/visible-text.ts";
import { cutEnd, fit, wrap } from "./display-text.ts";
import { formatRate, formatShare, formatTimeOfDay } from "./numbers.ts";
import type { Paint } from "./paint.ts";
import type { Scene, TargetRow } from "./scene.ts";
import { displayWidth } from "./text-width.ts";
import { type Moment, shownKeys, shownMoment, type ViewState } from "./view-state.ts";

export interface HeaderTexts {
  /** `keyheat demo`. */
  readonly title: string;
  /** A line below the title: what is being watched, what the demo does. */
  readonly subtitle: string;
}

/** What it tells of. */
export interface HeaderView {
  readonly state: ViewState;
  readonly moment: Moment;
  readonly texts: HeaderTexts;
  readonly nowMs: number;
}

export interface HeaderRoom {
  readonly columns: number;
  /** Of each problem: the line to run must be there whole. */
  readonly problemLinesMax: number;
  /** Servers that are named; 0: nothing is said of them. */
  readonly targetsMax: number;
}

const PROBLEMS_MAX = 3;
/** A scene is read each second. */
const FRESH_MS = 3000;

/** What stands above the table: what is watched, how well, what is in the way, and what the user has set. Pure. */
export function headerLines(view: HeaderView, room: HeaderRoom, paint: Paint): string[] {
  const { state, moment, texts, nowMs } = view;
  const { columns, problemLinesMax, targetsMax } = room;
  const { scene } = shownMoment(state, moment);
  const problems = [...failureTexts(moment, nowMs), ...scene.problems.slice(0, PROBLEMS_MAX)];
  const warnings = problems.flatMap((problem) => wrap(`! ${problem}`, columns, problemLinesMax));
  const settings = settingsText(state, moment);
  return [
    titleLine(texts.title, scene, columns, paint),
    paint.dim(cutEnd(texts.subtitle, columns)),
    ...targetLines(scene.targets, { columns, targetsMax }, paint),
    ...warnings.map(paint.yellow),
    ...(settings === "" ? [] : [paint.bold(cutEnd(settings, columns))]),
    "",
  ];
}

function titleLine(title: string, scene: Scene, columns: number, paint: Paint): string {
  const { accessesPerSecond: rate, windowMs } = scene;
  const told = rate === null ? "" : `${formatRate(rate)} accesses/s seen in ${windowMs / 1000} s`;
  const seen = displayWidth(title) + told.length < columns ? told : "";
  return `${paint.bold(fit(title, columns - seen.length))}${seen}`;
}

/** Old numbers look like new ones: their age is told. */
function failureTexts({ scene, failure }: Moment, nowMs: number): string[] {
  const ageMs = nowMs - scene.atMs;
  const isOld = scene.atMs > 0 && ageMs >= FRESH_MS;
  const age = isOld ? `what is shown is ${formatDuration(ageMs)} old` : "";
  if (failure !== null) return [age === "" ? failure : `${failure}; ${age}`];
  return isOld ? [`no answer for ${formatDuration(ageMs)}: ${age}`] : [];
}

function targetLines(
  targets: readonly TargetRow[],
  { columns, targetsMax }: Pick<HeaderRoom, "columns" | "targetsMax">,
  paint: Paint,
): string[] {
  // Who is not seen comes first: of many, those would be left out else.
  const ranked = targets.toSorted((one, other) => URGENCY[one.state] - URGENCY[other.state]);
  const lines = ranked.slice(0, targetsMax).map((target) => targetLine(target, columns, paint));
  const more = targets.length - lines.length;
  return more > 0 && targetsMax > 0 ? [...lines, paint.dim(cutEnd(`and ${more} more`, columns))] : lines;
}

const URGENCY = { blind: 0, stale: 1, seen: 2 };

function targetLine({ target, role, state, coverage }: TargetRow, columns: number, paint: Paint): string {
  const word = fit(state, 6);
  const painted =
    state === "seen" ? paint.green(word) : state === "stale" ? paint.yellow(word) : paint.red(word);
  // A replica's writes are seen at its primary.
  const writes = role === "replica" ? "" : `writes seen ${formatShare(coverage.write)}, `;
  const details = `${writes}reads seen ${formatShare(coverage.read)}`;
  return `${painted} ${cutEnd(`${target} (${role})  ${details}`, columns - 7)}`;
}

/** What the user has set, where it is not as at the beginning; empty where it is. */
function settingsText(state: ViewState, moment: Moment): string {
  const { selection, frozen } = state;
  const all = shownMoment(state, moment).scene.keys.length;
  const order = selection.isReversed ? ", the least first" : "";
  const parts = [
    ...(frozen === null ? [] : [`PAUSED since ${formatTimeOfDay(frozen.scene.atMs)}`]),
    ...(selection.sort === "total" && !selection.isReversed ? [] : [`sorted by ${selection.sort}${order}`]),
    ...(selection.filter === "" || state.isTyping
      ? []
      : [`only with "${visible(selection.filter)}" (${shownKeys(state, moment).length} of ${all} keys)`]),
  ];
  return parts.join("   ");
}
