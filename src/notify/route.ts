import type { Route } from "../config/schema.ts";
import { compileGlobs } from "../model/glob.ts";
import type { Incident } from "../model/incident.ts";
import { matchedBytes } from "../model/redacted-key.ts";

/** How messages to a receiver are put together. */
export type Pace = Pick<Route, "groupWait" | "groupInterval" | "burst">;

/** For resolves to receivers that no route names any more. */
export const DEFAULT_PACE: Pace = { groupWait: 100, groupInterval: 30_000, burst: 5 };

/** Receivers of an incident, by name, each with the pace of the first route that sends it there. */
export type Router = (incident: Incident) => ReadonlyMap<string, Pace>;

/** Compiles routes: an incident takes every route that matches it. */
export function compileRoutes(routes: readonly Route[]): Router {
  const compiled = routes.map((route) => ({ route, matches: matcherOf(route) }));
  return (incident) => {
    const paces = new Map<string, Pace>();
    for (const { route, matches } of compiled) {
      if (!matches(incident)) continue;
      for (const receiver of route.receivers) if (!paces.has(receiver)) paces.set(receiver, route);
    }
    return paces;
  };
}

function matcherOf({ match }: Route): (incident: Incident) => boolean {
  const { severity, cluster = "*", rule = "*", key = "*" } = match;
  const matchesCluster = compileGlobs([cluster]);
  const matchesRule = compileGlobs([rule]);
  const matchesKey = compileGlobs([key]);
  return (incident) =>
    (severity === undefined || severity === incident.severity) &&
    matchesCluster(Buffer.from(incident.cluster)) &&
    matchesRule(Buffer.from(incident.rule)) &&
    (incident.key === null ? key === "*" : matchesKey(matchedBytes(incident.key.bytes)));
}
