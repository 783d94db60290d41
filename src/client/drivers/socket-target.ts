import { peerOf } from "../../redis/peer.ts";

/**
 * Name of the server at the other end of a connected socket: `127.0.0.1:6379`, `[::1]:6379`, or `unix:///path` where it
 * was reached by a path; null where it cannot be told. IPv4 addresses mapped into IPv6 are written as IPv4.
 */
export function socketTarget(socket: unknown, path?: string): string | null {
  if (path !== undefined && path !== "") return `unix://${path}`;
  if (socket === null || typeof socket !== "object") return null;
  const { remoteAddress, remotePort } = socket as { remoteAddress?: unknown; remotePort?: unknown };
  if (typeof remoteAddress !== "string" || typeof remotePort !== "number") return null;
  return peerOf({ remoteAddress, remotePort });
}
