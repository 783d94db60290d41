import { connect as connectTcp, isIP, type Socket } from "node:net";
import { connect as connectTls } from "node:tls";
import type { TargetConfig } from "../../config/schema.ts";

/** Opens a socket to a target: TCP, TLS or a unix socket. Errors come as its events. */
export function openSocket({ endpoint, tls }: Pick<TargetConfig, "endpoint" | "tls">): Socket {
  if (tls === undefined) return connectTcp(endpoint);
  const host = "host" in endpoint ? endpoint.host : "localhost";
  const servername = tls.servername ?? (isIP(host) ? undefined : host);
  return connectTls({ ...endpoint, ...tls, ...(servername === undefined ? {} : { servername }) });
}
