import type { Socket } from "node:net";

const MAPPED = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i;

/**
 * The server at the other end of a socket: `10.0.0.1:6379`, `[fd00::1]:6379`; IPv4 mapped into IPv6 is written as IPv4.
 *
 * `null`: it is not connected, or by a path.
 */
export function peerOf({
  remoteAddress,
  remotePort,
}: Pick<Socket, "remoteAddress" | "remotePort">): string | null {
  if (remoteAddress === undefined || remotePort === undefined) return null;
  const host = MAPPED.exec(remoteAddress)?.[1] ?? remoteAddress;
  return host.includes(":") ? `[${host}]:${remotePort}` : `${host}:${remotePort}`;
}
