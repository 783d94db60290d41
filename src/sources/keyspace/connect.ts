import { connect as connectTcp, isIP, type OnReadOpts, type Socket } from "node:net";
import { type ConnectionOptions, connect as connectTls } from "node:tls";
import type { TargetConfig } from "../../config/schema.ts";

/** Opens a socket to a target: TCP, TLS or a unix socket. Errors come as its events, data to `onread` alone. */
export function openSocket(
  { endpoint, tls }: Pick<TargetConfig, "endpoint" | "tls">,
  onread: OnReadOpts,
): Socket {
  if (tls === undefined) return connectTcp({ ...endpoint, onread });
  const host = "host" in endpoint ? endpoint.host : "localhost";
  const servername = tls.servername ?? (isIP(host) ? undefined : host);
  const options: ConnectionOptions & { onread: OnReadOpts } = { ...endpoint, ...tls, onread };
  return connectTls(servername === undefined ? options : { ...options, servername });
}
