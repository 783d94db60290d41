import type { Incident, IncidentGroup, Severity } from "../model/incident.ts";
import { keyId } from "../model/key.ts";
import { isWorse } from "../model/severity.ts";
import { visible, visibleHead } from "../model/visible-text.ts";
import { type AlertFact, factsOf, foldedFact, trailSpanMs } from "./alert-facts.ts";
import { foundText } from "./alert-measure.ts";
import { subjectName } from "./alert-names.ts";
import { sparkline } from "./sparkline.ts";

export type { AlertFact } from "./alert-facts.ts";

/** Longest title of a message, in characters: what Slack takes as a header. */
export const TITLE_CHARACTERS_MAX = 150;
const CLUSTER_CHARACTERS_MAX = 40;

export interface AdviceText {
  readonly remedy: string;
  readonly why: string;
  /** Absolute, where Keyheat knows its own address; else `null`. */
  readonly url: string | null;
  /** Where to read of it: the URL, or the file and section in the documentation. */
  readonly place: string;
}

/** One incident in words, for any receiver. All texts are single printable lines; no service's markup is escaped. */
export interface IncidentText {
  readonly incident: Incident;
  /** `Hot key user:1 in shop: 48.2k accesses/s`. */
  readonly title: string;
  readonly facts: readonly AlertFact[];
  /** How its rate went lately, in block characters; empty where that is not known. */
  readonly sparkline: string;
  /** How far the sparkline reaches back. */
  readonly sparklineMs: number;
  readonly advice: readonly AdviceText[];
  /** Where the console shows it; `null` where Keyheat does not know its own address. */
  readonly consoleUrl: string | null;
}

/** One message in words. */
export interface AlertText {
  readonly event: IncidentGroup["event"];
  /** The highest among its incidents. */
  readonly severity: Severity;
  /** At most 150 characters: of one incident what it is, of several how many they are. */
  readonly title: string;
  readonly incidents: readonly IncidentText[];
  /** Incidents of the group that are not among `incidents`. */
  readonly more: number;
  /** Somebody tries the receiver out: nothing has happened. */
  readonly isTest: boolean;
}

export interface AlertTextOptions {
  /** Where this process is reached from outside, without a trailing slash. */
  readonly externalUrl?: string | undefined;
}

/** Puts a message to a receiver into words. Pure: its time is the group's. */
export function alertText(group: IncidentGroup, options: AlertTextOptions = {}): AlertText {
  const { event, incidents, more } = group;
  const severity = highest(incidents);
  return {
    event,
    severity,
    title: titleOf(group, severity),
    incidents: incidents.map((incident) => incidentText(incident, group, options)),
    more,
    isTest: group.isTest ?? false,
  };
}

/** Puts one incident of a message into words. */
export function incidentText(
  incident: Incident,
  group: Pick<IncidentGroup, "event" | "atMs" | "folded" | "foldedMore">,
  { externalUrl }: AlertTextOptions = {},
): IncidentText {
  const { folded = [], foldedMore = 0 } = group;
  const own = folded.filter(({ foldedInto }) => foldedInto === incident.id);
  return {
    incident,
    title: incidentTitle(incident, group.event),
    facts: [...factsOf(incident, group.atMs), ...foldedFact(own, foldedMore)],
    sparkline: sparkline(incident.trail.rates),
    sparklineMs: trailSpanMs(incident),
    advice: incident.advice.map(({ remedy, why, url }) => ({
      remedy,
      why: visible(why),
      ...placeOf(url, externalUrl),
    })),
    consoleUrl:
      externalUrl === undefined ? null : `${externalUrl}/?incident=${encodeURIComponent(incident.id)}`,
  };
}

function incidentTitle(incident: Incident, event: IncidentGroup["event"]): string {
  const cluster = visibleHead(incident.cluster, CLUSTER_CHARACTERS_MAX);
  const name = `${subjectName(incident)} in ${cluster}`;
  if (event === "resolved") return `${incident.key === null ? "Node" : "Key"} ${name} ${endOf(incident)}`;
  const found = foundText(incident);
  if (incident.key !== null) return `Hot key ${name}: ${found}`;
  return incident.measure.unit === "seconds" ? `Blind: node ${name} ${found}` : `Skew: node ${name} ${found}`;
}

function endOf({ reason, key }: Incident): string {
  if (reason === "decommissioned")
    return "is no longer judged: its node has left the cluster, or its rule is gone";
  if (reason === "expired") return "was not seen for so long that its incident was closed";
  return key === null ? "is as it should be again" : "has cooled";
}

function titleOf(group: IncidentGroup, severity: Severity): string {
  const { event, incidents, cluster, more, isTest } = group;
  const [first] = incidents;
  const count = incidents.length + more;
  const word = event === "resolved" ? "Resolved" : SEVERITY_WORDS[severity];
  const mark = isTest ? "Test, nothing has happened. " : "";
  const what =
    count === 1 && first !== undefined
      ? incidentTitle(first, event)
      : `${count} ${nounOf(incidents)} in ${visibleHead(cluster, CLUSTER_CHARACTERS_MAX)}`;
  return visibleHead(`${mark}${word}: ${what}`, TITLE_CHARACTERS_MAX);
}

const SEVERITY_WORDS: Readonly<Record<Severity, string>> = {
  info: "Info",
  warning: "Warning",
  critical: "Critical",
};

/** Of a key that several rules call hot, each has an incident: then they are not as many keys. */
function nounOf(incidents: readonly Incident[]): string {
  const keys = incidents.flatMap(({ key }) => (key === null ? [] : [keyId(key.db, key.bytes)]));
  return new Set(keys).size === incidents.length ? "hot keys" : "incidents";
}

function highest(incidents: readonly Incident[]): Severity {
  return incidents.reduce<Severity>(
    (worst, { severity }) => (isWorse(severity, worst) ? severity : worst),
    "info",
  );
}

/** Advice names its page in the documentation (`docs/advice.md#one-key`), which this process serves as `/docs/advice`. */
function placeOf(url: string, externalUrl: string | undefined): Pick<AdviceText, "url" | "place"> {
  if (/^https?:\/\//.test(url)) return { url, place: url };
  if (externalUrl === undefined) return { url: null, place: url };
  const absolute = `${externalUrl}/${url.replace(/^docs\/advice\.md/, "docs/advice")}`;
  return { url: absolute, place: absolute };
}
