import type { Incident, IncidentGroup } from "../../model/incident.ts";
import { keyLabel } from "../../model/key.ts";
import type { Logger } from "../../runtime/logger.ts";
import type { Receipt, Receiver } from "./receiver.ts";

/** So many incidents of one group have a line of their own. */
const LINES_MAX = 50;

/** Tells of incidents in Keyheat's own log, a line each. */
export class LogReceiver implements Receiver {
  readonly name: string;
  readonly #logger: Logger;

  constructor(name: string, logger: Logger) {
    this.name = name;
    this.#logger = logger;
  }

  async deliver(group: IncidentGroup): Promise<Receipt> {
    const { event, incidents, isTest } = group;
    const mark = isTest ? "test: " : "";
    const level = event === "firing" ? "warn" : "info";
    for (const incident of incidents.slice(0, LINES_MAX)) {
      this.#logger[level](
        factsOf(incident),
        `${mark}${incident.key === null ? "target in trouble" : "hot key"} ${event}`,
      );
    }
    const more = group.more + Math.max(0, incidents.length - LINES_MAX);
    if (more > 0) this.#logger[level]({ more }, `more incidents ${event}`);
    return {};
  }
}

function factsOf(incident: Incident) {
  return {
    incident: incident.id,
    rule: incident.rule,
    severity: incident.severity,
    cluster: incident.cluster,
    target: incident.target,
    ...(incident.key && { db: incident.key.db, key: keyLabel(incident.key.bytes) }),
    kind: incident.kind,
    ratePerSecond: Math.round(incident.ratePerSecond),
    currentRatePerSecond: Math.round(incident.currentRatePerSecond),
    peakRatePerSecond: Math.round(incident.peakRatePerSecond),
    shareOfTarget: incident.shareOfTarget,
    remedy: incident.advice[0]?.remedy ?? null,
    reason: incident.reason,
  };
}
