import { keep, keyText } from "../../model/key.ts";
import { visible } from "../../model/visible-text.ts";
import { shownKeyText } from "../scan/key-text.ts";
import type { ApiBodies, ApiIncident, ApiKey, ApiTarget } from "./api-bodies.ts";
import { printable } from "./display-text.ts";
import type { IncidentRow, KeyRow, Named, Scene, TargetRow } from "./scene.ts";

/** What the view shows of what the API said; `nowMs` is when it said it. Pure. */
export function sceneOf({ hotKeys, incidents, coverage, readiness }: ApiBodies, nowMs: number): Scene {
  const { cluster, windowSeconds, complete, keys, asOf } = hotKeys;
  const open = openIncidents(incidents.incidents, cluster);
  return {
    atMs: nowMs,
    asOfMs: Date.parse(asOf),
    windowMs: windowSeconds * 1000,
    complete,
    accessesPerSecond: accessesPerSecond(keys),
    targets: coverage.targets.map((target) => targetRow(target, cluster)),
    keys: keys.map((key) => keyRow(key, windowSeconds, open.get(identity(key)) ?? [])),
    incidents: incidents.incidents.map((incident) => incidentRow(incident, cluster)),
    problems: [...readiness.reasons, ...readiness.degraded].map(printable),
  };
}

/** A key's rate and its share of its target give the target's own rate; targets are added. */
function accessesPerSecond(keys: readonly ApiKey[]): number | null {
  const byTarget = new Map<string, number>();
  for (const { target, shareOfTarget, ratePerSecond } of keys) {
    if (target === null || shareOfTarget === null || shareOfTarget <= 0 || byTarget.has(target)) continue;
    byTarget.set(target, ratePerSecond.total / shareOfTarget);
  }
  if (byTarget.size === 0) return null;
  return Math.round([...byTarget.values()].reduce((sum, rate) => sum + rate, 0));
}

interface Identified {
  readonly db: number | null;
  readonly key: string | null;
  readonly keyEncoding: string;
}

/** Of keys of one cluster; those of more than 1 KiB that begin alike are not told apart. */
function identity({ db, key, keyEncoding }: Identified): string {
  return `${db} ${keyEncoding} ${key}`;
}

const SERIOUSNESS = { firing: 0, pending: 1, recovering: 2, resolved: 3 };

/** By the identity of their keys, the worst first. */
function openIncidents(all: readonly ApiIncident[], cluster: string): Map<string, IncidentRow[]> {
  const open = all
    .filter((incident) => incident.cluster === cluster && incident.status !== "resolved")
    .toSorted((one, other) => SERIOUSNESS[one.status] - SERIOUSNESS[other.status]);
  const byKey = Map.groupBy(open, identity);
  return new Map(
    Array.from(byKey, ([id, incidents]) => [id, incidents.map((one) => incidentRow(one, cluster))]),
  );
}

function keyRow(key: ApiKey, windowSeconds: number, incidents: readonly IncidentRow[]): KeyRow {
  const { estimate, lower, upper } = key.count;
  return {
    id: identity(key),
    rank: key.rank,
    label: shownKeyText(key),
    text: keyText(keep(Buffer.from(key.key, key.keyEncoding))),
    isCut: key.cut,
    pattern: visible(key.pattern),
    db: key.db,
    slot: key.slot,
    target: key.target === null || key.target === "" ? null : visible(key.target),
    ratePerSecond: key.ratePerSecond.total,
    currentPerSecond: key.currentRatePerSecond,
    count: { estimate, lower, upper },
    marginPerSecond: upper === null ? null : Math.max(estimate - lower, upper - estimate) / windowSeconds,
    share: key.shareOfTarget,
    mix: key.ratePerSecond,
    vantages: key.vantages as KeyRow["vantages"],
    commands: namedByCount(key.commands),
    services: namedByCount(key.services),
    absorbedPerSecond: key.absorbedPerSecond,
    bytesPerSecond: key.bytesPerSecond,
    isSuspect: key.suspect,
    incidents,
  };
}

function namedByCount(counts: Readonly<Record<string, number>>): Named[] {
  return Object.entries(counts)
    .map(([name, count]) => ({ name: visible(name), count }))
    .toSorted((one, other) => other.count - one.count);
}

/** An incident about a target as a whole has no key. */
function subjectOf({ key, keyEncoding, cut, target }: ApiIncident): string {
  return key === null ? printable(target ?? "a server") : shownKeyText({ key, keyEncoding, cut });
}

/** Names of other clusters than the shown one stand before what is of them. */
function clusterPrefix(own: string, shown: string): string {
  return own === shown ? "" : `${visible(own)}: `;
}

function incidentRow(incident: ApiIncident, cluster: string): IncidentRow {
  const { facts, startedAt, resolvedAt } = incident;
  return {
    id: incident.id,
    label: clusterPrefix(incident.cluster, cluster) + subjectOf(incident),
    rule: printable(incident.rule),
    severity: incident.severity,
    status: incident.status,
    startedAtMs: Date.parse(startedAt),
    resolvedAtMs: resolvedAt === null ? null : Date.parse(resolvedAt),
    ratePerSecond: incident.ratePerSecond,
    peakRatePerSecond: incident.peakRatePerSecond,
    measure: incident.measure,
    facts:
      facts === null
        ? null
        : {
            ...facts,
            type: visible(facts.type),
            encoding: facts.encoding === null ? null : visible(facts.encoding),
          },
    advice: incident.advice.map(({ remedy, why, url }) => ({
      remedy: printable(remedy),
      why: printable(why),
      url: printable(url),
    })),
    muted: incident.muted,
  };
}

function targetRow({ cluster: own, target, role, state, kinds }: ApiTarget, cluster: string): TargetRow {
  const coverage = { read: kinds.read.ratio, write: kinds.write.ratio };
  return { target: clusterPrefix(own, cluster) + printable(target), role, state, coverage };
}
