import type { ServerResponse } from "node:http";
import type { FastifyReply } from "fastify";
import { HttpError } from "./errors.ts";
import { SECURITY_HEADERS } from "./listener.ts";
import type { Stream } from "./stream.ts";

const RETRY_AFTER_SECONDS = 5;

/** Throws: HttpError 503 where the stream has no room for one more. */
export function refuseIfFull(stream: Stream): void {
  if (!stream.isFull) return;
  throw new HttpError(503, "TOO_MANY_STREAMS", "too many listeners, try again later", {
    headers: { "retry-after": `${RETRY_AFTER_SECONDS}` },
  });
}

/** Turns an answer into a stream of server-sent events; its headers are written then. */
export function beginEvents(reply: FastifyReply): ServerResponse {
  reply.hijack();
  reply.raw.writeHead(200, {
    ...SECURITY_HEADERS,
    "content-type": "text/event-stream; charset=utf-8",
    // Proxies that buffer would hold events back.
    "x-accel-buffering": "no",
  });
  reply.raw.write(`retry: ${RETRY_AFTER_SECONDS * 1000}\n\n`);
  return reply.raw;
}
