import type {
  HotKeysJson,
  IncidentJson,
  KindJson,
  Scene,
  TargetJson,
} from "../../../../src/http/console/shapes.js";
import { incidentJson } from "../../../../src/model/incident-json.ts";
import { makeIncident } from "../fake-views.ts";

const SEEN: KindJson = { ran: 1000, observed: 1000, ratio: 1, vantage: "clients" };

export function makeTarget(fields: Partial<TargetJson> = {}): TargetJson {
  return {
    cluster: "default",
    target: "127.0.0.1:6379",
    role: "primary",
    state: "seen",
    kinds: { read: SEEN, write: SEEN },
    sources: [],
    ...fields,
  };
}

export function makeOpen(fields: Parameters<typeof makeIncident>[0] = {}): IncidentJson {
  return incidentJson(makeIncident(fields));
}

export function makeHotKeys(fields: Partial<HotKeysJson> = {}): HotKeysJson {
  return {
    cluster: "default",
    windowSeconds: 10,
    asOf: "2026-11-23T17:00:00.000Z",
    complete: true,
    keys: [],
    ...fields,
  };
}

/** A live page on which all is well, but for `fields`. */
export function makeScene(
  fields: Partial<Omit<Scene, "coverage">> & { targets?: readonly TargetJson[] } = {},
): Scene {
  const { targets = [makeTarget()], ...given } = fields;
  return {
    link: { kind: "live" },
    incidents: [],
    hasMoreIncidents: false,
    hotKeys: makeHotKeys(),
    coverage: { asOf: "2026-11-23T17:00:00.000Z", targets },
    readiness: { ready: true, degraded: [] },
    ...given,
  };
}
