import { isIP } from "node:net";
import type { RedisOptions } from "ioredis";
import type { TargetConfig } from "../config/schema.ts";

/** What of a target's config a connection needs. */
export type TargetAccess = Pick<TargetConfig, "address" | "endpoint" | "username" | "password" | "tls">;

export interface Timeouts {
  readonly connectTimeoutMs: number;
  readonly commandTimeoutMs: number;
}

type ControlOptions = RedisOptions & { replyMapping: "legacy" };

/** A connection that does not close in good order is cut after so long. */
const DISCONNECT_TIMEOUT_MS = 200;

/**
 * Options of one connection: no retries, no queues, nothing sent by itself.
 *
 * RESP2, since every server from Redis 5 to 8 and Valkey speaks it without a handshake, and credentials are left out:
 * `Session` logs in itself, so that a refused password is an error reply like any other and no log line of the client's.
 */
export function connectionOptions(target: TargetAccess, timeouts: Timeouts): ControlOptions {
  return {
    ...endpointOptions(target),
    ...tlsOptions(target),
    protocol: 2,
    replyMapping: "legacy",
    lazyConnect: true,
    retryStrategy: () => null,
    maxRetriesPerRequest: 0,
    enableOfflineQueue: false,
    autoResendUnfulfilledCommands: false,
    autoResubscribe: false,
    enableReadyCheck: false,
    // CLIENT SETINFO would need a right, and leave a line in ACL LOG without it.
    disableClientInfo: true,
    connectTimeout: timeouts.connectTimeoutMs,
    commandTimeout: timeouts.commandTimeoutMs,
    disconnectTimeout: DISCONNECT_TIMEOUT_MS,
  };
}

function endpointOptions({ endpoint }: TargetAccess): RedisOptions {
  return "path" in endpoint ? { path: endpoint.path } : { host: endpoint.host, port: endpoint.port };
}

function tlsOptions({ endpoint, tls }: TargetAccess): RedisOptions {
  if (tls === undefined) return {};
  const host = "host" in endpoint ? endpoint.host : "";
  // A server name must be a name: TLS refuses an IP address there.
  const servername = tls.servername ?? (host !== "" && isIP(host) === 0 ? host : undefined);
  return { tls: { ...tls, ...(servername === undefined ? {} : { servername }) } };
}

/**
 * Arguments of AUTH; `null` where there is no password.
 *
 * The default user logs in by password alone, which servers before Redis 6 understand too.
 */
export function authArguments({ username, password }: TargetAccess): string[] | null {
  if (password === undefined) return null;
  return username === undefined || username === "" || username === "default"
    ? [password]
    : [username, password];
}
