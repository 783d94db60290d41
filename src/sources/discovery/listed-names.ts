import type { TargetConfig } from "../../config/schema.ts";
import { formatHostPort } from "../../config/target-url.ts";
import type { NamedServer } from "../../redis/topology.ts";
import { canonicalIp, type HostNames } from "./host-names.ts";
import type { HeldServer } from "./servers.ts";

/**
 * The names that the config has for servers: of a server that is found, the listed name stands, for that is the one that
 * its operator knows.
 */
export class ListedNames {
  readonly #hosts: HostNames;
  readonly #byNodeId = new Map<string, TargetConfig[]>();
  readonly #byName = new Map<string, TargetConfig[]>();
  readonly #found = new Map<NamedServer, readonly TargetConfig[]>();
  /** A listed name is still being resolved: what is found now may turn out to be it. */
  readonly isPending: boolean;

  constructor(listed: readonly HeldServer[], hosts: HostNames) {
    this.#hosts = hosts;
    let isPending = false;
    for (const { target, asked } of listed) {
      const nodeId = asked.state() === "up" ? asked.latestPoll?.nodeId : null;
      if (nodeId) append(this.#byNodeId, nodeId, target);
      const names = this.#namesOf(target, asked.peer);
      if (names === null) isPending = true;
      for (const name of names ?? [target.address]) append(this.#byName, canonicalName(name), target);
    }
    this.isPending = isPending;
  }

  /** The listed targets that are this server; empty: it is none of them. */
  find(server: NamedServer): readonly TargetConfig[] {
    const known = this.#found.get(server);
    if (known) return known;
    const found = this.#search(server);
    this.#found.set(server, found);
    return found;
  }

  #search(server: NamedServer): readonly TargetConfig[] {
    const byId = server.nodeId === null ? undefined : this.#byNodeId.get(server.nodeId);
    if (byId) return byId;
    const { host, port, aliases } = server;
    const resolved = this.#hosts.addressesOf(host) ?? [];
    const names = [formatHostPort(host, port), ...aliases];
    // A name of several addresses may be that of several servers.
    const [only] = resolved.length === 1 ? resolved : [];
    if (only !== undefined) names.push(formatHostPort(only, port));
    for (const name of names) {
      const found = this.#byName.get(canonicalName(name));
      if (found) return found;
    }
    return [];
  }

  /** `null`: its host is being resolved. */
  #namesOf({ address, endpoint }: TargetConfig, peer: string | null): readonly string[] | null {
    if ("path" in endpoint) return [address];
    if (peer !== null) return [address, peer];
    const resolved = this.#hosts.addressesOf(endpoint.host);
    if (resolved === null) return null;
    const ports = resolved.map((ip) => formatHostPort(ip, endpoint.port));
    const distinct = new Set(ports.map(canonicalName));
    return distinct.size === 1 ? [address, ...ports] : [address];
  }
}

function append(map: Map<string, TargetConfig[]>, name: string, target: TargetConfig): void {
  const known = map.get(name);
  if (!known) map.set(name, [target]);
  else if (!known.includes(target)) known.push(target);
}

const LOOPBACK = /^(?:localhost|127\.0\.0\.1|\[::1\]):(\d+)$/;

/** One name of an address, whichever way it is written. */
export function canonicalName(address: string): string {
  const parts = /^(\[.*\]|[^:]*):(\d+)$/.exec(address);
  if (!parts) return address;
  const [, host = "", port = ""] = parts;
  const name = formatHostPort(canonicalIp(host.replace(/^\[|\]$/g, "")), Number(port));
  const loopbackPort = LOOPBACK.exec(name)?.[1];
  return loopbackPort === undefined ? name : `localhost:${loopbackPort}`;
}
