import { createServer as createHttpServer, type RequestListener, type Server } from "node:http";
import { createServer as createHttpsServer } from "node:https";
import type { AddressInfo, Socket } from "node:net";
import type { Config } from "../config/schema.ts";
import { type ErrorBody, errorBody, plainError } from "./errors.ts";

const HEADER_BYTES_MAX = 16 * 1024;
const HEADERS_TIMEOUT_MS = 5_000;
const REQUEST_TIMEOUT_MS = 10_000;
const KEEP_ALIVE_MS = 75_000;
/** A connection on which nothing moved for so long is cut; streams move each second. */
const IDLE_MS = 120_000;
/** 10,000 instances that post each second, and room for others. Measured: 13 KiB each while idle, 19 KiB in use. */
const CONNECTIONS_MAX = 12_000;
/** Requests that one connection may have without an answer. */
const UNANSWERED_MAX = 8;

/** A server with limits on time, header size, connections and what they have open; HTTPS where `tls` is given. */
export function createListener(tls: Config["http"]["tls"], handler: RequestListener): Server {
  const handle = withoutFloods(handler);
  const limits = {
    maxHeaderSize: HEADER_BYTES_MAX,
    headersTimeout: HEADERS_TIMEOUT_MS,
    requestTimeout: REQUEST_TIMEOUT_MS,
    keepAliveTimeout: KEEP_ALIVE_MS,
    connectionsCheckingInterval: 1_000,
  };
  const server = tls
    ? createHttpsServer(
        {
          ...limits,
          cert: tls.cert,
          key: tls.key,
          minVersion: "TLSv1.2",
          handshakeTimeout: HEADERS_TIMEOUT_MS,
        },
        handle,
      )
    : createHttpServer(limits, handle);
  server.maxConnections = CONNECTIONS_MAX;
  server.timeout = IDLE_MS;
  return server;
}

/**
 * Cuts connections that send requests and more requests before the answers came. Nothing else holds them back: all that
 * one read brings is parsed at once, and who never reads an answer could fill the memory with requests.
 */
function withoutFloods(handler: RequestListener): RequestListener {
  const unanswered = new WeakMap<Socket, number>();
  return (request, response) => {
    const { socket } = request;
    // What was read together with the requests before.
    if (socket.destroyed) return;
    const count = (unanswered.get(socket) ?? 0) + 1;
    if (count > UNANSWERED_MAX) {
      socket.destroy();
      return;
    }
    unanswered.set(socket, count);
    response.once("close", () => unanswered.set(socket, (unanswered.get(socket) ?? 1) - 1));
    handler(request, response);
  };
}

const STATUS_OF: Readonly<Record<string, number>> = {
  HPE_HEADER_OVERFLOW: 431,
  ERR_HTTP_REQUEST_TIMEOUT: 408,
};

/** Answers what could not be read as a request, in the common shape, and hangs up. */
export function refuseUnreadable(error: Error & { readonly code?: string }, socket: Socket): void {
  if (socket.destroyed) return;
  if (!socket.writable || error.code === "ECONNRESET") {
    socket.destroy();
    return;
  }
  const status = STATUS_OF[error.code ?? ""] ?? 400;
  const body: ErrorBody = errorBody(plainError(status), "");
  const text = JSON.stringify(body);
  const headers = [
    `HTTP/1.1 ${status} ${body.error.message}`,
    "content-type: application/json; charset=utf-8",
    `content-length: ${Buffer.byteLength(text)}`,
    ...Object.entries(SECURITY_HEADERS).map(([name, value]) => `${name}: ${value}`),
    "connection: close",
  ];
  socket.end(`${headers.join("\r\n")}\r\n\r\n${text}`, () => socket.destroySoon());
}

/** On every response. The bodies are data: nothing in them may run, be framed, stored, or read by other sites. */
export const SECURITY_HEADERS = {
  "x-content-type-options": "nosniff",
  "cache-control": "no-store",
  "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
  "cross-origin-resource-policy": "same-origin",
  "referrer-policy": "no-referrer",
} as const;

export class ListenError extends Error {
  override readonly name = "ListenError";
  readonly code: string;
  /** A port that is taken may become free. */
  readonly retryable: boolean;

  constructor({ host, port }: Config["http"]["listen"], cause: unknown) {
    const code = cause instanceof Error && "code" in cause ? String(cause.code) : "UNKNOWN";
    super(`cannot listen on ${hostInUrl(host)}:${port}: ${REASONS[code] ?? code}`, { cause });
    this.code = code;
    this.retryable = code === "EADDRINUSE";
  }
}

const REASONS: Readonly<Record<string, string>> = {
  EADDRINUSE: "the port is taken by another process",
  EACCES: "this user may not use the port",
  EADDRNOTAVAIL: "this machine does not have the address",
};

/** Where a listening server can be reached from this machine, without a trailing slash. */
export function urlOf({ address, port }: AddressInfo, isTls: boolean): string {
  const host = address === "0.0.0.0" ? "127.0.0.1" : address === "::" ? "::1" : address;
  return `${isTls ? "https" : "http"}://${hostInUrl(host)}:${port}`;
}

function hostInUrl(host: string): string {
  return host.includes(":") ? `[${host}]` : host;
}
