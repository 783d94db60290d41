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
  return endOf(remoteAddress, remotePort);
}

/** This process's end of a socket, as the server names its client where nothing stands between them. */
export function ownEndOf({
  localAddress,
  localPort,
}: Pick<Socket, "localAddress" | "localPort">): string | null {
  return endOf(localAddress, localPort);
}

function endOf(ip: string | undefined, port: number | undefined): string | null {
  return ip === undefined || port === undefined ? null : formatHostPort(plainIp(ip), port);
}

/** IPv4 mapped into IPv6 as IPv4; all else unchanged. */
export function plainIp(ip: string): string {
  return MAPPED.exec(ip)?.[1] ?? ip;
}
