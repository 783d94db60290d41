import type { FastifyInstance } from "fastify";
import type { Config } from "../config/schema.ts";
import type { IncidentStatus } from "../model/incident.ts";
import type { Clock } from "../runtime/clock.ts";
import { coverageJson } from "./coverage-json.ts";
import { HttpError } from "./errors.ts";
import type { History } from "./history.ts";
import { hotKeysJson } from "./hotkeys-json.ts";
import { badQuery, Query } from "./query.ts";
import { trailJson } from "./trail-json.ts";
import { defaultWindowMs, shownIncident, type Views } from "./views.ts";

export type ApiConfig = Pick<Config, "cluster" | "http"> & {
  readonly targets?: readonly { readonly cluster: string }[];
};

export interface ApiParts {
  readonly config: ApiConfig;
  readonly views: Views;
  readonly history: History;
  readonly clock: Clock;
}

const LIMIT = { min: 1, max: 1000 };
const STATUSES: readonly IncidentStatus[] = ["pending", "firing", "recovering", "resolved"];
const HISTORY_MS = 3_600_000;

/** The answers of `/api/v1`, all but the stream. */
export function addApi(app: FastifyInstance, { config, views, history, clock }: ApiParts): void {
  app.get("/api/v1/hotkeys", (request) => {
    const query = new Query(request.query, ["cluster", "window", "limit"]);
    const cluster = clusterOf(query, config, views);
    const windowMs = query.window("window", views.windowsMs) ?? defaultWindowMs(views.windowsMs);
    const limit = query.integer("limit", LIMIT) ?? 50;
    return hotKeysJson(cluster, windowMs, views.hotkeys(cluster, windowMs, limit), clock.now());
  });

  app.get("/api/v1/incidents", (request) => {
    const query = new Query(request.query, ["status", "limit"]);
    const status = query.choice("status", STATUSES);
    const limit = query.integer("limit", LIMIT) ?? 100;
    const incidents = views.incidents(status === undefined ? { limit } : { status, limit });
    return { incidents: incidents.map((incident) => shownIncident(views, incident)) };
  });

  app.get<{ Params: { id: string } }>("/api/v1/incidents/:id", (request) => {
    new Query(request.query, []);
    const incident = views.incident(request.params.id);
    if (incident === undefined) {
      throw new HttpError(404, "NOT_FOUND", "there is no such incident, or it was resolved long ago");
    }
    return { ...shownIncident(views, incident), trail: trailJson(incident.trail) };
  });

  app.get("/api/v1/coverage", (request) => {
    new Query(request.query, []);
    return coverageJson(views.coverage(), clock.now());
  });

  app.get("/api/v1/history", (request) => {
    const query = new Query(request.query, ["from", "to", "limit", "key", "keyEncoding"]);
    const toMs = query.time("to") ?? clock.now();
    const fromMs = query.time("from") ?? toMs - HISTORY_MS;
    if (fromMs > toMs) throw badQuery("from", "expected a time before that of to");
    const limit = query.integer("limit", LIMIT) ?? 50;
    const encoding = query.choice("keyEncoding", ["utf8", "base64"]) ?? "utf8";
    const key = query.text("key");
    const wanted = key === undefined ? {} : { key: Buffer.from(key, encoding) };
    return history.json({ fromMs, toMs, limit, ...wanted });
  });
}

/**
 * The cluster that a query names, else the config's.
 *
 * A name that nobody reports is refused: an empty list would read as "nothing is hot there".
 */
export function clusterOf(query: Query, config: ApiConfig, views: Views): string {
  const cluster = query.text("cluster") ?? config.cluster;
  const known = knownClusters(config, views);
  if (known.includes(cluster)) return cluster;
  throw badQuery("cluster", `there is no such cluster, expected one of ${known.slice(0, 20).join(", ")}`);
}

/** Every cluster that the config names or that has reported, each once. */
export function knownClusters({ cluster, targets = [] }: ApiConfig, views: Views): string[] {
  const seen = [...targets, ...views.coverage()].map((target) => target.cluster);
  return [...new Set([cluster, ...seen])];
}
