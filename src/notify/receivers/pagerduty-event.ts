import type { Incident, IncidentGroup, Severity } from "../../model/incident.ts";
import { visibleHead } from "../../model/visible-text.ts";
import { type AlertText, alertText, type IncidentText } from "../alert-text.ts";

/** What PagerDuty takes. */
export const EVENT_BYTES_MAX = 512_000;
export const SUMMARY_CHARACTERS_MAX = 1024;
export const DEDUP_KEY_CHARACTERS_MAX = 255;

/** Of more incidents than this in one event nobody reads. */
const INCIDENTS_MAX = 200;
const LINKS_MAX = 10;
const NAME_CHARACTERS_MAX = 200;
/** Room for what stands around the incidents, with all its links. */
const FRAME_BYTES = 64 * 1024;

export interface EventOptions {
  readonly routingKey: string;
  /** Where this process is reached from outside, without a trailing slash. */
  readonly externalUrl?: string | undefined;
}

interface Link {
  readonly href: string;
  readonly text: string;
}

/**
 * One event for the thread of a group: `trigger` while it fires, `resolve` for its end, as JSON of at most 512,000 bytes.
 *
 * The worst incidents and the hottest of them stand in it; how many were left out is said.
 * Source: PagerDuty, "Send an Alert Event" (Events API v2), https://developer.pagerduty.com/docs/send-alert-event
 */
export function pagerDutyEvent(group: IncidentGroup, { routingKey, externalUrl }: EventOptions): Buffer {
  const incidents = group.incidents.toSorted(worstFirst).slice(0, INCIDENTS_MAX);
  const more = group.more + group.incidents.length - incidents.length;
  const text = alertText({ ...group, incidents, more }, { externalUrl });
  const links = linksOf(text);
  const [consoleLink] = links;
  const event = {
    routing_key: routingKey,
    event_action: group.event === "firing" ? "trigger" : "resolve",
    dedup_key: dedupKeyOf(group).slice(0, DEDUP_KEY_CHARACTERS_MAX),
    payload: {
      summary: text.title.slice(0, SUMMARY_CHARACTERS_MAX).toWellFormed(),
      source: name(common(incidents, ({ target }) => target) ?? group.cluster),
      severity: text.severity,
      timestamp: new Date(group.atMs).toISOString(),
      component: name(common(incidents, ({ pattern }) => pattern || null) ?? "redis"),
      group: name(group.cluster),
      class: name(common(incidents, ({ rule }) => rule) ?? "several rules"),
      custom_details: detailsOf(text),
    },
    client: "Keyheat",
    ...(externalUrl === undefined ? {} : { client_url: consoleLink?.href ?? externalUrl }),
    links,
  };
  return Buffer.from(JSON.stringify(event));
}

/** What PagerDuty knows the incidents of the group by. */
function dedupKeyOf({ thread, incidents, id }: IncidentGroup): string {
  return thread?.id ?? incidents[0]?.id ?? id;
}

const RANKS: Readonly<Record<Severity, number>> = { info: 0, warning: 1, critical: 2 };

function worstFirst(one: Incident, other: Incident): number {
  return RANKS[other.severity] - RANKS[one.severity] || other.ratePerSecond - one.ratePerSecond;
}

/** A name from elsewhere, as one printable line; PagerDuty takes no empty source. */
function name(text: string): string {
  return visibleHead(text, NAME_CHARACTERS_MAX) || "unknown";
}

/** What all incidents have in common; `null` where that is nothing. */
function common(incidents: readonly Incident[], of: (incident: Incident) => string | null): string | null {
  const [first, ...others] = new Set(incidents.map(of));
  return first === undefined || others.length > 0 ? null : first;
}

/** The first incident's console page in front. */
function linksOf({ incidents }: AlertText): readonly Link[] {
  const links = new Map<string, string>();
  const consoleUrl = incidents[0]?.consoleUrl ?? null;
  if (consoleUrl !== null) links.set(consoleUrl, "Keyheat console");
  for (const { remedy, url } of incidents.flatMap(({ advice }) => advice)) {
    if (url !== null && links.size < LINKS_MAX) links.set(url, remedy);
  }
  return [...links].map(([href, text]) => ({ href, text }));
}

type Details = Readonly<Record<string, unknown>>;

/** Of one incident its facts; of several a list of them, as far as there is room. */
function detailsOf({ incidents, more }: AlertText): Details {
  const shown: Details[] = [];
  let bytes = FRAME_BYTES;
  for (const incident of incidents) {
    const details = incidentDetails(incident);
    bytes += Buffer.byteLength(JSON.stringify(details)) + 1;
    if (bytes > EVENT_BYTES_MAX) break;
    shown.push(details);
  }
  const [first] = shown;
  const leftOut = more + incidents.length - shown.length;
  if (shown.length === 1 && leftOut === 0 && first !== undefined) return first;
  return { Incidents: shown, "Left out": `${leftOut} more incidents` };
}

function incidentDetails({ incident, title, facts, sparkline, advice, consoleUrl }: IncidentText): Details {
  return {
    What: title,
    ...Object.fromEntries(facts.map(({ label, value }) => [label, value])),
    ...(sparkline === "" ? {} : { Lately: sparkline }),
    Advice: advice.map(({ remedy, why, place }) => `${remedy}: ${why} (${place})`),
    Severity: incident.severity,
    Incident: incident.id,
    ...(consoleUrl === null ? {} : { Console: consoleUrl }),
  };
}
