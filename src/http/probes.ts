import type { FastifyInstance } from "fastify";
import { HttpError } from "./errors.ts";
import type { ProbeViews } from "./views.ts";

/** Open to everybody: whoever starts and watches processes has no token, and names them as it likes. */
export const PROBES: readonly string[] = ["/healthz", "/readyz"];

const PROMETHEUS_TEXT = "text/plain; version=0.0.4; charset=utf-8";

/** `/healthz`: the process lives. `/readyz`: whether it does its work. `/metrics`: the text for Prometheus. */
export function addProbes(app: FastifyInstance, views: ProbeViews): void {
  app.get("/healthz", () => ({ status: "ok" }));

  app.get("/readyz", (_request, reply) => {
    const { ready, reasons, degraded } = views.readiness();
    return reply.code(ready ? 200 : 503).send(ready ? { ready, degraded } : { ready, reasons });
  });

  app.get("/metrics", async (_request, reply) => {
    if (!views.prometheus) {
      throw new HttpError(404, "NOT_FOUND", "metrics.prometheus.enabled is false in the config");
    }
    const text = await views.prometheus();
    return reply.type(PROMETHEUS_TEXT).send(text);
  });
}
