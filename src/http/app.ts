import { type FastifyInstance, type FastifyRequest, fastify, type HTTPMethods } from "fastify";
import type { Config } from "../config/schema.ts";
import type { Logger } from "../runtime/logger.ts";

import { BODY_BYTES_MAX, BodyError } from "./body-reader.ts";
import { isConsoleRoute } from "./console.ts";
import { asHttpError, errorBody, HttpError } from "./errors.ts";
import { createGuard, createHostGuard } from "./guard.ts";
import { createListener, refuseUnreadable, SECURITY_HEADERS } from "./listener.ts";
import { PROBES } from "./probes.ts";
import { REMEDY_PATHS } from "./remedy-pages.ts";

/** Those that need no token, under whatever name the server is called. */
const OPEN_PATHS: readonly string[] = [...PROBES, ...REMEDY_PATHS];

const METHODS: readonly HTTPMethods[] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"];

/** A server without routes, in which every answer has the security headers and every refusal the common shape. */
export function createApp(config: Config["http"], logger: Logger): FastifyInstance {
  const app = fastify({
    logger: false,
    serverFactory: (handle) => createListener(config.tls, handle),
    bodyLimit: BODY_BYTES_MAX,
    clientErrorHandler: refuseUnreadable,
    forceCloseConnections: true,
    return503OnClosing: false,
    frameworkErrors: (error, request, reply) => {
      const refused = asHttpError(error);
      reply.hijack();
      reply.raw.writeHead(refused.status, { ...SECURITY_HEADERS, "content-type": "application/json" });
      reply.raw.end(JSON.stringify(errorBody(refused, request.url)));
    },
  });
  const guard = createGuard(config);
  const hostGuard = createHostGuard(config);
  app.addHook("onRequest", async (request, reply) => {
    reply.headers(SECURITY_HEADERS);
    const route = request.routeOptions.url ?? "";
    if (isConsoleRoute(route)) hostGuard(request.headers);
    else if (!OPEN_PATHS.includes(route)) guard(request.headers);
    if (Number(request.headers["content-length"] ?? 0) > BODY_BYTES_MAX) throw new BodyError("too-large");
    if (request.is404) throw noRoute(app, request);
  });
  answerErrors(app, logger);
  return app;
}

function noRoute(app: FastifyInstance, { url, method }: FastifyRequest): HttpError {
  const path = url.split("?", 1)[0] ?? "";
  const allowed = METHODS.filter((known) => app.hasRoute({ method: known, url: path }));
  if (allowed.length === 0) return new HttpError(404, "NOT_FOUND", "there is nothing here");
  return new HttpError(
    405,
    "METHOD_NOT_ALLOWED",
    `${method} is not allowed, expected ${allowed.join(", ")}`,
    {
      headers: { allow: allowed.join(", ") },
    },
  );
}

/** Answers errors, and logs those that are the server's: once a route, until it works again. */
function answerErrors(app: FastifyInstance, logger: Logger): void {
  const failing = new Set<string>();
  app.setErrorHandler((error, request, reply) => {
    const refused = asHttpError(error);
    const route = request.routeOptions.url ?? "";
    if (refused.code === "INTERNAL" && !failing.has(route)) {
      failing.add(route);
      logger.error({ route, err: refused.cause }, "request failed");
    }
    return reply.code(refused.status).headers(refused.headers).send(errorBody(refused, request.url));
  });
  app.addHook("onResponse", async (request, { statusCode }) => {
    const route = request.routeOptions.url ?? "";
    if (statusCode < 400 && failing.delete(route)) logger.info({ route }, "requests work again");
  });
}
