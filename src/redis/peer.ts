import type { Socket } from "node:net";
import { formatHostPort } from "../config/target-url.ts";

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
  return formatHostPort(plainIp(remoteAddress), remotePort);
}

/** IPv4 mapped into IPv6 as IPv4; all else unchanged. */
export function plainIp(ip: string): string {
  return MAPPED.exec(ip)?.[1] ?? ip;
}
