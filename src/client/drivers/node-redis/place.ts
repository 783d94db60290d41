import { subscribe, unsubscribe } from "node:diagnostics_channel";
import { Socket } from "node:net";
import type { Place } from "../../observer.ts";
import { socketTarget } from "../socket-target.ts";
import type { NodeClient } from "./shapes.ts";

const DEFAULT_HOST = "localhost";
const DEFAULT_PORT = 6379;

/** Where a client's commands go: the far end of its connection, else where it is set to connect to. */
export function placeOf(client: NodeClient): Place {
  const socket = client.isReady ? socketOf(client) : null;
  const target = socketTarget(socket) ?? configuredTarget(client);
  const db = client.isReady ? selectedDb(client) : null;
  return { target, db: db ?? client.options?.database ?? 0 };
}

function configuredTarget({ options }: NodeClient): string | null {
  const { host = DEFAULT_HOST, port = DEFAULT_PORT, path } = options?.socket ?? {};
  return socketTarget({ remoteAddress: host, remotePort: port }, path);
}

/**
 * The socket of a connected client. It is private, and nothing tells of it later; but `ref()` ends in a call of the
 * socket's own `ref`, within which we look who is called.
 */
function socketOf(client: NodeClient): Socket | null {
  const { ref } = Socket.prototype;
  let found: Socket | null = null;
  Socket.prototype.ref = function (this: Socket) {
    found = this;
    return this;
  };
  try {
    client.ref();
  } finally {
    Socket.prototype.ref = ref;
  }
  // The socket itself was left alone, but the client has noted that its next one is to hold the process.
  if (found !== null && isUnreferenced(found)) client.unref();
  return found;
}

function isUnreferenced(socket: Socket): boolean {
  const handle: unknown = Reflect.get(socket, "_handle");
  // The handle of TLS cannot say; the one below it can.
  return hasNoReference(handle) || hasNoReference(property(handle, "_parent"));
}

function hasNoReference(handle: unknown): boolean {
  const hasRef = property(handle, "hasRef");
  return typeof hasRef === "function" && hasRef.call(handle) === false;
}

function property(holder: unknown, name: string): unknown {
  return typeof holder === "object" && holder !== null ? Reflect.get(holder, name) : undefined;
}

/**
 * The selected database, which is private too, but part of what node-redis tells of a batch: so it is given one of no
 * commands, for which nothing is sent.
 */
function selectedDb(client: NodeClient): number | null {
  let db: unknown;
  const onBatch = (context: unknown) => {
    if (property(context, "clientId") === client._clientId) db = property(context, "database");
  };
  subscribe(BATCH_CHANNEL, onBatch);
  try {
    client._executePipeline([]).catch(() => {});
  } finally {
    unsubscribe(BATCH_CHANNEL, onBatch);
  }
  return typeof db === "number" ? db : null;
}

const BATCH_CHANNEL = "tracing:node-redis:batch:start";
