import { hostname } from "node:os";

/** The host's name, which tells processes of a kind apart; where several run on a host, with the port. */
export function instanceName(listen: { readonly port: number }, usualPort: number): string {
  return listen.port === usualPort ? hostname() : `${hostname()}:${listen.port || process.pid}`;
}
