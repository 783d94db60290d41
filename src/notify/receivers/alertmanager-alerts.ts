import type { Incident, IncidentGroup } from "../../model/incident.ts";
import { keyLabel } from "../../model/key.ts";
import { visibleHead } from "../../model/visible-text.ts";
import { incidentText } from "../alert-text.ts";

/** An alert that is not sent again is over after so long: of the sends each 30 s, eight in a row may fail. */
export const FIRING_LASTS_MS = 300_000;
/** Larger bodies become several. */
export const BATCH_BYTES_MAX = 1024 * 1024;

const NAME_CHARACTERS_MAX = 300;

/** An alert as `POST /api/v2/alerts` takes it; its labels are its identity. */
export interface AlertmanagerAlert {
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  readonly startsAt: string;
  readonly endsAt: string;
  readonly generatorURL?: string;
}

export interface AlertOptions {
  readonly nowMs: number;
  /** Where this process is reached from outside, without a trailing slash. */
  readonly externalUrl?: string | undefined;
  /** What a target's incident speaks for. */
  readonly folded?: IncidentGroup["folded"];
}

/**
 * An incident as an alert: it fires for the next 5 minutes, or is over since its end.
 *
 * Source: Alertmanager's API v2, https://github.com/prometheus/alertmanager/blob/main/api/v2/openapi.yaml
 */
export function alertOf(incident: Incident, { nowMs, externalUrl, folded }: AlertOptions): AlertmanagerAlert {
  const { startedAtMs, resolvedAtMs, status } = incident;
  const isOver = status === "resolved";
  const group = { event: isOver ? "resolved" : "firing", atMs: nowMs, ...(folded && { folded }) } as const;
  const { title, facts, sparkline, advice, consoleUrl } = incidentText(incident, group, { externalUrl });
  const target = visibleHead(incident.target ?? "", NAME_CHARACTERS_MAX);
  const endsAtMs = isOver ? (resolvedAtMs ?? nowMs) : nowMs + FIRING_LASTS_MS;
  return {
    labels: labelsOf(incident, target),
    annotations: filled({
      target,
      summary: title,
      description: facts.map(({ label, value }) => `${label}: ${value}`).join("\n"),
      advice: advice.map(({ remedy, why, place }) => `${remedy}: ${why} (${place})`).join("\n"),
      trend: sparkline,
    }),
    startsAt: new Date(startedAtMs).toISOString(),
    // An alert that ends before it starts, as after a step of the clock, would be refused.
    endsAt: new Date(Math.max(startedAtMs, endsAtMs)).toISOString(),
    ...(consoleUrl === null ? {} : { generatorURL: consoleUrl }),
  };
}

/** All of them stay as they are while an incident lasts, but its severity. */
function labelsOf({ id, rule, severity, cluster, key }: Incident, target: string): Record<string, string> {
  return filled({
    alertname: rule,
    severity,
    cluster: visibleHead(cluster, NAME_CHARACTERS_MAX),
    // A key may move, or be placed only later: under other labels its alert would be another one, and the first lapse.
    ...(key === null ? { target } : { key: keyLabel(key.bytes), db: `${key.db}` }),
    incident: id,
    source: "keyheat",
  });
}

/** To Alertmanager an empty label is none. */
function filled(texts: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(texts)
      .filter(([, text]) => text !== "")
      .map(([name, text]) => [name, text.toWellFormed()]),
  );
}

/** Bodies of at most `bytesMax`, an alert by itself where it is larger. Made as they are asked for. */
export function* alertBodies(
  incidents: Iterable<Incident>,
  options: AlertOptions,
  bytesMax = BATCH_BYTES_MAX,
): Iterable<Buffer> {
  let alerts: string[] = [];
  let bytes = 0;
  for (const incident of incidents) {
    const alert = JSON.stringify(alertOf(incident, options));
    const alertBytes = Buffer.byteLength(alert) + 1;
    if (alerts.length > 0 && bytes + alertBytes + 1 > bytesMax) {
      yield Buffer.from(`[${alerts.join(",")}]`);
      alerts = [];
      bytes = 0;
    }
    alerts.push(alert);
    bytes += alertBytes;
  }
  if (alerts.length > 0) yield Buffer.from(`[${alerts.join(",")}]`);
}
