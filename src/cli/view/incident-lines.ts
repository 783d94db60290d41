import { formatDuration } from "../../model/duration-text.ts";
import { cutEnd, fit } from "./display-text.ts";
import { formatRate } from "./numbers.ts";
import type { Paint } from "./paint.ts";
import type { IncidentRow, Scene } from "./scene.ts";

const INCIDENTS_MAX = 4;
const STATUS_COLUMNS = 11;

/** The incidents in a line each, those that are open before those that are over. Pure. */
export function incidentLines({ incidents, atMs }: Scene, columns: number, paint: Paint): string[] {
  if (incidents.length === 0) return ["", paint.dim("no incidents")];
  const open = incidents.filter(({ status }) => status !== "resolved");
  const over = incidents.filter(({ status }) => status === "resolved");
  const lines = [...open, ...over].slice(0, INCIDENTS_MAX).map((incident) => {
    const word = fit(incident.status, STATUS_COLUMNS);
    return (
      statusPaint(incident, paint)(word) + cutEnd(incidentText(incident, atMs), columns - STATUS_COLUMNS)
    );
  });
  const unshown = open.length - INCIDENTS_MAX;
  const head = unshown > 0 ? `INCIDENTS (${unshown} more are open)` : "INCIDENTS";
  return ["", paint.dim(cutEnd(head, columns)), ...lines];
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
  const rates = status === "resolved" ? peak : `${formatRate(ratePerSecond)}/s, ${peak}`;
  // A server that nobody sees has no rate.
  const what = peakRatePerSecond > 0 ? `${rates}, ` : "";
  const since =
    status === "resolved"
      ? `lasted ${formatDuration((resolvedAtMs ?? nowMs) - startedAtMs)}`
      : `for ${formatDuration(nowMs - startedAtMs)}`;
  return `${label}  ${what}${since}  (${rule}, ${severity})`;
}
