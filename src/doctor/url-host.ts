/** The host of a URL as sockets take it: an IPv6 address has no brackets there. */
export function withoutBrackets(hostname: string): string {
  return hostname.replace(/^\[(.*)\]$/, "$1");
}
