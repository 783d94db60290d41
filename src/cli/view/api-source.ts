import { z } from "zod";
import { keep, keyLabel } from "../../model/key.ts";
import { ApiClient, type ApiClientOptions } from "../api-client.ts";
import { printable } from "./display-text.ts";
import type { IncidentRow, KeyRow, Scene, SceneSource, TargetRow } from "./scene.ts";

export interface ApiSourceOptions extends ApiClientOptions {
  readonly cluster?: string | undefined;
}

const shownKey = z.object({ key: z.string(), keyEncoding: z.enum(["utf8", "base64"]), cut: z.boolean() });
const share = z.number().nullable();
const bounds = z.object({ estimate: z.number(), lower: z.number(), upper: z.number().nullable() });

const hotKeys = z.object({
  windowSeconds: z.number().positive(),
  complete: z.boolean(),
  keys: z.array(
    shownKey.extend({
      db: z.number(),
      target: z.string().nullable(),
      ratePerSecond: z.object({ read: z.number(), write: z.number(), miss: z.number(), total: z.number() }),
      count: bounds,
      shareOfTarget: share,
    }),
  ),
});

const incidents = z.object({
  incidents: z.array(
    z.object({
      id: z.string(),
      /** `null`, as `db` then is: it is about the target as a whole. */
      key: z.string().nullable(),
      keyEncoding: shownKey.shape.keyEncoding,
      cut: shownKey.shape.cut,
      target: z.string().nullable(),
      rule: z.string(),
      severity: z.enum(["info", "warning", "critical"]),
      status: z.enum(["pending", "firing", "recovering", "resolved"]),
      db: z.number().nullable(),
      startedAt: z.iso.datetime(),
      resolvedAt: z.iso.datetime().nullable(),
      ratePerSecond: z.number(),
      peakRatePerSecond: z.number(),
    }),
  ),
});

const coverage = z.object({
  targets: z.array(
    z.object({
      target: z.string(),
      role: z.enum(["primary", "replica", "unknown"]),
      state: z.enum(["seen", "stale", "blind"]),
      kinds: z.object({ read: z.object({ ratio: share }), write: z.object({ ratio: share }) }),
    }),
  ),
});

const readiness = z.object({
  reasons: z.array(z.string()).default([]),
  degraded: z.array(z.string()).default([]),
});

export interface ApiBodies {
  readonly hotKeys: z.output<typeof hotKeys>;
  readonly incidents: z.output<typeof incidents>;
  readonly coverage: z.output<typeof coverage>;
  readonly readiness: z.output<typeof readiness>;
}

const KEYS_LIMIT = 20;
const INCIDENTS_LIMIT = 20;

/** Scenes from the HTTP API of a standalone or an aggregator. */
export class ApiSource implements SceneSource {
  readonly #client: ApiClient;
  readonly #cluster: string | undefined;

  constructor(options: ApiSourceOptions) {
    this.#client = new ApiClient(options);
    this.#cluster = options.cluster;
  }

  async read(): Promise<Scene> {
    const client = this.#client;
    const only = this.#cluster === undefined ? "" : `&cluster=${encodeURIComponent(this.#cluster)}`;
    const [hotKeysBody, incidentsBody, coverageBody, readinessBody] = await Promise.all([
      client.ask(`/api/v1/hotkeys?limit=${KEYS_LIMIT}${only}`, hotKeys),
      client.ask(`/api/v1/incidents?limit=${INCIDENTS_LIMIT}`, incidents),
      client.ask("/api/v1/coverage", coverage),
      client.ask("/readyz", readiness, { accepted: [200, 503] }),
    ]);
    const bodies = {
      hotKeys: hotKeysBody,
      incidents: incidentsBody,
      coverage: coverageBody,
      readiness: readinessBody,
    };
    return sceneOf(bodies, Date.now());
  }
}

/** What the view shows of what the API said. Pure. */
export function sceneOf({ hotKeys, incidents, coverage, readiness }: ApiBodies, nowMs: number): Scene {
  const { windowSeconds, complete, keys } = hotKeys;
  const rows = incidents.incidents.map(incidentRow);
  const open = new Map(
    incidents.incidents
      .filter(({ status }) => status !== "resolved")
      .map((one) => [identity(one), one.status]),
  );
  return {
    atMs: nowMs,
    windowMs: windowSeconds * 1000,
    complete,
    accessesPerSecond: accessesPerSecond(keys),
    targets: coverage.targets.map(targetRow),
    keys: keys.map((key) => keyRow(key, windowSeconds, open.get(identity(key)) ?? null)),
    incidents: rows,
    problems: [...readiness.reasons, ...readiness.degraded].map(printable),
  };
}

type ApiKey = ApiBodies["hotKeys"]["keys"][number];
type ApiIncident = ApiBodies["incidents"]["incidents"][number];
type ApiTarget = ApiBodies["coverage"]["targets"][number];

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

function identity({ db, key, keyEncoding }: Identified): string {
  return `${db} ${keyEncoding} ${key}`;
}

/** Of a cut key the API gives the first 1 KiB only. */
function labelOf({ key, keyEncoding, cut }: z.output<typeof shownKey>): string {
  return keyLabel(keep(Buffer.from(key, keyEncoding))) + (cut ? "..." : "");
}

function keyRow(key: ApiKey, windowSeconds: number, incident: KeyRow["incident"]): KeyRow {
  const { estimate, lower, upper } = key.count;
  return {
    label: labelOf(key),
    db: key.db,
    ratePerSecond: key.ratePerSecond.total,
    marginPerSecond: upper === null ? null : Math.max(estimate - lower, upper - estimate) / windowSeconds,
    share: key.shareOfTarget,
    mix: key.ratePerSecond,
    incident,
  };
}

/** An incident about a target as a whole has no key. */
function subjectOf({ key, keyEncoding, cut, target }: ApiIncident): string {
  return key === null ? printable(target ?? "a server") : labelOf({ key, keyEncoding, cut });
}

function incidentRow(incident: ApiIncident): IncidentRow {
  const { id, rule, severity, status, startedAt, resolvedAt, ratePerSecond, peakRatePerSecond } = incident;
  return {
    id,
    label: subjectOf(incident),
    rule: printable(rule),
    severity,
    status,
    startedAtMs: Date.parse(startedAt),
    resolvedAtMs: resolvedAt === null ? null : Date.parse(resolvedAt),
    ratePerSecond,
    peakRatePerSecond,
  };
}

function targetRow({ target, role, state, kinds }: ApiTarget): TargetRow {
  const seen = { read: kinds.read.ratio, write: kinds.write.ratio };
  return { target: printable(target), role, state, coverage: seen };
}
