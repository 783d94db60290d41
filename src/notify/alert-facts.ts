import { formatDuration } from "../model/duration-text.ts";
import { boundedRate, briefBytes, briefRate, briefShare } from "../model/figures.ts";
import type { Incident } from "../model/incident.ts";
import type { Facts } from "../model/target.ts";
import { TRAIL_STEP_MS } from "../model/trail.ts";
import { visibleHead } from "../model/visible-text.ts";
import { measureLabel, measureText } from "./alert-measure.ts";
import { shownKeyName } from "./alert-names.ts";

/** One thing that an alert says. */
export interface AlertFact {
  readonly label: string;
  /** One line of printable text. */
  readonly value: string;
  /** Holds names from elsewhere: where a service knows markup, it is shown as code. */
  readonly isData: boolean;
}

const NAMES_SHOWN = 3;
const NAME_CHARACTERS_MAX = 60;
const PATTERN_CHARACTERS_MAX = 120;
const TARGET_CHARACTERS_MAX = 120;
const FOLDED_SHOWN = 5;
/** Below this a rate is steady. */
const TREND = 0.2;
/** Steps of the trail that the last second is held against: 15 s. */
const RECENT_STEPS = 3;
/** By then the second in which an incident fired has been counted. */
const FRESH_MS = 2000;
/** From here on, nobody misses the rest. */
const ALL = 0.995;

/** What is known of an incident, the most telling first; `nowMs` is the time that it is told. */
export function factsOf(incident: Incident, nowMs: number): readonly AlertFact[] {
  const all = incident.key === null ? targetFacts(incident) : keyFacts(incident);
  return [...all, said("Since", sinceText(incident, nowMs)), ...doubtFacts(incident, nowMs)];
}

export const FOLDED_LABEL = "Its hot keys";

/** The keys that a target's incident stands for, of which `leftOut` are not among `folded`. */
export function foldedFact(folded: readonly Incident[], leftOut: number): AlertFact[] {
  if (folded.length === 0) return [];
  const shown = folded
    .slice(0, FOLDED_SHOWN)
    .map(
      ({ key, ratePerSecond }) =>
        `${key === null ? "?" : shownKeyName(key.bytes)} ${briefRate(ratePerSecond)}`,
    );
  const more = folded.length - shown.length + leftOut;
  return [data(FOLDED_LABEL, `${shown.join(", ")}${more > 0 ? `, +${more} more` : ""}`)];
}

function keyFacts(incident: Incident): AlertFact[] {
  const { pattern, shareOfTarget, measure, facts } = incident;
  return [
    ...(incident.key === null ? [] : [data("Key", shownKeyName(incident.key.bytes))]),
    ...(pattern === "" ? [] : [data("Pattern", visibleHead(pattern, PATTERN_CHARACTERS_MAX))]),
    said("Rate", rateText(incident)),
    said(measureLabel(incident), measureText(incident)),
    ...(shareOfTarget === null || measure.unit === "share"
      ? []
      : [said("Share", `${briefShare(shareOfTarget)} of its node`)]),
    ...mixFact(incident),
    ...namesFact("Commands", incident.commands),
    ...namesFact("Services", incident.services),
    ...placeFacts(incident),
    ...(facts === null ? [] : [data("Value", valueText(facts))]),
    ...coverageFact(incident),
  ];
}

function targetFacts(incident: Incident): AlertFact[] {
  const { currentRatePerSecond } = incident;
  return [
    ...placeFacts(incident),
    said(measureLabel(incident), measureText(incident)),
    ...(currentRatePerSecond > 0 ? [said("Rate", `now ${briefRate(currentRatePerSecond)}`)] : []),
    ...namesFact("Commands", incident.commands),
    ...namesFact("Services", incident.services),
    ...coverageFact(incident),
  ];
}

function placeFacts({ target, slot }: Incident): AlertFact[] {
  if (target === null || target === "") return [];
  const node = visibleHead(target, TARGET_CHARACTERS_MAX);
  return [data("Node", slot === null ? node : `${node}, slot ${slot}`)];
}

/** `48.2k ± 0.3k/s, now 61k/s, rising`. */
function rateText(incident: Incident): string {
  const { count, windowMs, currentRatePerSecond } = incident;
  const over = windowMs > 0 ? `${boundedRate(count, windowMs)}, ` : "";
  return `${over}now ${briefRate(currentRatePerSecond)}, ${trendOf(incident)}`;
}

type Trend = "rising" | "steady" | "falling";

/** By the last second, beside the window and beside what was seen just before it: both have to agree. */
export function trendOf({ currentRatePerSecond, ratePerSecond, trail }: Incident): Trend {
  // The last step still fills.
  const recent = trail.rates.slice(0, -1).slice(-RECENT_STEPS);
  const before = [ratePerSecond, ...(recent.length === 0 ? [] : [mean(recent)])];
  if (before.every((rate) => currentRatePerSecond > rate * (1 + TREND))) return "rising";
  if (before.every((rate) => currentRatePerSecond < rate * (1 - TREND))) return "falling";
  return "steady";
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

function mixFact({ mix }: Incident): AlertFact[] {
  const total = mix === null ? 0 : mix.read + mix.write;
  if (mix === null || total <= 0) return [];
  const misses = mix.miss > 0 ? `, ${briefShare(Math.min(1, mix.miss / mix.read))} of reads miss` : "";
  return [
    said("Mix", `${briefShare(mix.read / total)} reads, ${briefShare(mix.write / total)} writes${misses}`),
  ];
}

function namesFact(label: string, counts: Readonly<Record<string, number>>): AlertFact[] {
  const total = Object.values(counts).reduce((sum, count) => sum + count, 0);
  if (total <= 0) return [];
  const top = Object.entries(counts)
    .sort(([, one], [, other]) => other - one)
    .slice(0, NAMES_SHOWN)
    .map(([name, count]) => `${visibleHead(name, NAME_CHARACTERS_MAX)} ${briefShare(count / total)}`);
  return [data(label, top.join(", "))];
}

function valueText({ type, bytes, ttlSeconds, encoding }: Facts): string {
  const parts = [
    visibleHead(type, NAME_CHARACTERS_MAX),
    ...(encoding === null ? [] : [visibleHead(encoding, NAME_CHARACTERS_MAX)]),
    ...(bytes === null ? [] : [briefBytes(bytes)]),
    ttlSeconds === null ? "no expiry" : `expires in ${formatDuration(ttlSeconds * 1000)}`,
  ];
  return parts.join(", ");
}

/** `sees 50% of reads, all writes`. */
function coverageFact({ coverage: { read, write }, measure }: Incident): AlertFact[] {
  // Of a server that is not seen, it is how much was seen before.
  if (measure.unit === "seconds") return [];
  const seen = [seenText(read, "reads"), seenText(write, "writes")].filter((text) => text !== null);
  const unseen = [read === 0 ? "reads unseen" : null, write === 0 ? "writes unseen" : null];
  const all = [
    ...(seen.length === 0 ? [] : [`sees ${seen.join(", ")}`]),
    ...unseen.filter((text) => text !== null),
  ];
  return all.length === 0 ? [] : [said("Coverage", all.join(", "))];
}

function seenText(ratio: number | null, what: string): string | null {
  if (ratio === null || ratio === 0) return null;
  return ratio >= ALL ? `all ${what}` : `${briefShare(ratio)} of ${what}`;
}

function sinceText({ startedAtMs, resolvedAtMs, reopened }: Incident, nowMs: number): string {
  const at = new Date(startedAtMs).toISOString().replace(/\.\d+Z$/, "Z");
  const lasted = formatDuration((resolvedAtMs ?? nowMs) - startedAtMs);
  const again = reopened > 0 ? `, back ${reopened} ${reopened === 1 ? "time" : "times"}` : "";
  return `${at}, ${resolvedAtMs === null ? "for" : "lasted"} ${lasted}${again}`;
}

function doubtFacts(incident: Incident, nowMs: number): AlertFact[] {
  const { suspect, complete, late, key, firedAtMs } = incident;
  // A rise is told while its second is still being counted: that is no gap.
  const isFresh = firedAtMs !== null && nowMs - firedAtMs < FRESH_MS;
  const unseen = isFresh ? "its last second is still being counted" : "not all of the window was seen";
  const doubts = [
    ...(suspect
      ? ["suspect: clients reported more accesses than their servers ran: held to what the servers ran"]
      : []),
    ...(complete || key === null ? [] : [unseen]),
    ...(late ? ["found late, in data that had been held up"] : []),
  ];
  return doubts.length === 0 ? [] : [said("Doubt", doubts.join("; "))];
}

/** How long the sparkline of an incident reaches back, in ms. */
export function trailSpanMs({ trail }: Incident): number {
  return trail.rates.length * TRAIL_STEP_MS;
}

function said(label: string, value: string): AlertFact {
  return { label, value, isData: false };
}

function data(label: string, value: string): AlertFact {
  return { label, value, isData: true };
}
