import type { FastifyInstance } from "fastify";
import { type ApiConfig, clusterOf } from "./api.ts";
import { beginEvents, refuseIfFull } from "./event-stream.ts";
import type { Pulse } from "./pulse.ts";
import { Query } from "./query.ts";
import type { Stream } from "./stream.ts";
import type { Views } from "./views.ts";

export interface StreamParts {
  readonly config: ApiConfig;
  readonly views: Views;
  readonly stream: Stream;
  readonly pulse: Pulse;
}

/** `/api/v1/stream`: server-sent events `hotkeys` (of one cluster), `coverage` and `incident` (of all). */
export function addStream(app: FastifyInstance, { config, views, stream, pulse }: StreamParts): void {
  app.get("/api/v1/stream", { exposeHeadRoute: false }, (request, reply) => {
    const query = new Query(request.query, ["cluster"]);
    const cluster = clusterOf(query, config, views);
    refuseIfFull(stream);
    const first = pulse.firstEvents(cluster);
    stream.open(beginEvents(reply), cluster, first);
  });
}
