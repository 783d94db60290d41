import type { FastifyInstance } from "fastify";
import { type ApiConfig, clusterOf } from "./api.ts";
import { HttpError } from "./errors.ts";
import { SECURITY_HEADERS } from "./listener.ts";
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

const RETRY_AFTER_SECONDS = 5;

/** `/api/v1/stream`: server-sent events `hotkeys` (of one cluster), `coverage` and `incident` (of all). */
export function addStream(app: FastifyInstance, { config, views, stream, pulse }: StreamParts): void {
  app.get("/api/v1/stream", { exposeHeadRoute: false }, (request, reply) => {
    const query = new Query(request.query, ["cluster"]);
    const cluster = clusterOf(query, config, views);
    if (stream.isFull) {
      throw new HttpError(503, "TOO_MANY_STREAMS", "too many listeners, try again later", {
        headers: { "retry-after": `${RETRY_AFTER_SECONDS}` },
      });
    }
    const first = pulse.firstEvents(cluster);
    reply.hijack();
    reply.raw.writeHead(200, {
      ...SECURITY_HEADERS,
      "content-type": "text/event-stream; charset=utf-8",
      // Proxies that buffer would hold events back.
      "x-accel-buffering": "no",
    });
    reply.raw.write(`retry: ${RETRY_AFTER_SECONDS * 1000}\n\n`);
    stream.open(reply.raw, cluster, first);
  });
}
