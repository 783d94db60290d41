import type { Severity } from "./incident.ts";

const FROM_MILD_TO_BAD: readonly Severity[] = ["info", "warning", "critical"];

export function isWorse(severity: Severity, than: Severity): boolean {
  return FROM_MILD_TO_BAD.indexOf(severity) > FROM_MILD_TO_BAD.indexOf(than);
}
