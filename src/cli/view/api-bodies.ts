import { z } from "zod";

/** What the view reads of the API's answers. Members that it does not know are kept: `--json` passes them on. */
const shownKey = { key: z.string(), keyEncoding: z.enum(["utf8", "base64"]), cut: z.boolean() };
const share = z.number().nullable();
const bounds = z.looseObject({ estimate: z.number(), lower: z.number(), upper: z.number().nullable() });
const mix = z.looseObject({ read: z.number(), write: z.number(), miss: z.number() });
const vantage = z.enum(["server-events", "clients", "traces", "server-commands", "requests"]).optional();
const counts = z.record(z.string(), z.number());

const hotKey = z.looseObject({
  ...shownKey,
  rank: z.number(),
  db: z.number(),
  slot: z.number().nullable(),
  target: z.string().nullable(),
  pattern: z.string(),
  ratePerSecond: mix.extend({ total: z.number() }),
  currentRatePerSecond: z.number(),
  count: bounds,
  shareOfTarget: share,
  vantages: z.looseObject({ read: vantage, write: vantage, miss: vantage }),
  commands: counts,
  services: counts,
  absorbedPerSecond: z.number(),
  bytesPerSecond: z.number().nullable(),
  suspect: z.boolean(),
});

export const hotKeysBody = z.looseObject({
  cluster: z.string(),
  windowSeconds: z.number().positive(),
  asOf: z.iso.datetime(),
  complete: z.boolean(),
  keys: z.array(hotKey),
});

const incident = z.looseObject({
  ...shownKey,
  id: z.string(),
  cluster: z.string(),
  /** `null`, as `db` then is: it is about the target as a whole. */
  key: z.string().nullable(),
  target: z.string().nullable(),
  rule: z.string(),
  severity: z.enum(["info", "warning", "critical"]),
  status: z.enum(["pending", "firing", "recovering", "resolved"]),
  db: z.number().nullable(),
  startedAt: z.iso.datetime(),
  resolvedAt: z.iso.datetime().nullable(),
  ratePerSecond: z.number(),
  peakRatePerSecond: z.number(),
  measure: z.looseObject({
    unit: z.enum(["accesses/s", "share", "bytes/s", "ratio", "seconds"]),
    value: z.number().nullable(),
    threshold: z.number(),
    baseline: z.number().nullable(),
  }),
  facts: z
    .looseObject({
      type: z.string(),
      bytes: z.number().nullable(),
      ttlSeconds: z.number().nullable(),
      encoding: z.string().nullable(),
    })
    .nullable(),
  advice: z.array(z.looseObject({ remedy: z.string(), why: z.string(), url: z.string() })),
  muted: z.enum(["silenced", "inhibited"]).nullable(),
});

export const incidentsBody = z.object({ incidents: z.array(incident) });

const target = z.looseObject({
  cluster: z.string(),
  target: z.string(),
  role: z.enum(["primary", "replica", "unknown"]),
  state: z.enum(["seen", "stale", "blind"]),
  kinds: z.looseObject({ read: z.looseObject({ ratio: share }), write: z.looseObject({ ratio: share }) }),
});

export const coverageBody = z.object({ targets: z.array(target) });

export const readinessBody = z.object({
  reasons: z.array(z.string()).default([]),
  degraded: z.array(z.string()).default([]),
});

/** The API's answers of one moment. */
export interface ApiBodies {
  readonly hotKeys: z.output<typeof hotKeysBody>;
  readonly incidents: z.output<typeof incidentsBody>;
  readonly coverage: z.output<typeof coverageBody>;
  readonly readiness: z.output<typeof readinessBody>;
}

export type ApiKey = z.output<typeof hotKey>;
export type ApiIncident = z.output<typeof incident>;
export type ApiTarget = z.output<typeof target>;
