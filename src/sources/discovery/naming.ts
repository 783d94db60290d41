import { isIP } from "node:net";
import { targetFoundAt } from "../../config/resolve.ts";
import type { TargetConfig } from "../../config/schema.ts";
import { formatHostPort } from "../../config/target-url.ts";
import type { NamedServer } from "../../redis/topology.ts";
import { canonicalIp, type HostNames } from "./host-names.ts";
import { ListedNames } from "./listed-names.ts";
import type { Member } from "./membership.ts";
import { isSentinel } from "./sentinel-views.ts";
import type { HeldServer } from "./servers.ts";

/** Host of a found server in the form of the config: lower case, IPv4 mapped into IPv6 as IPv4. */
export function hostOf({ host }: Pick<NamedServer, "host">): string {
  return isIP(host) === 0 ? host.toLowerCase() : canonicalIp(host);
}

/** Name of a found server that the config does not name: `host:port`. */
export function addressOf(server: Pick<NamedServer, "host" | "port">): string {
  return formatHostPort(hostOf(server), server.port);
}

/** Under which names servers are reported, as of one look around. */
export class Naming {
  readonly listed: ListedNames;
  readonly #doubles = new Map<string, string>();
  readonly #targets = new Map<string, TargetConfig>();

  constructor(held: readonly HeldServer[], hosts: HostNames) {
    this.listed = new ListedNames(
      held.filter((server) => server.isListed && !isSentinel(server)),
      hosts,
    );
    for (const { target, double } of held) {
      this.#targets.set(`${target.cluster} ${target.address}`, target);
      if (double) this.#doubles.set(target.address, double.address);
    }
  }

  /** How to reach a member: as it is listed, else as it was found. */
  targetOf({ server, via }: Member, cluster: string): TargetConfig {
    const [listed] = this.listed.find(server);
    const held = listed ?? this.#targets.get(`${cluster} ${addressOf(server)}`);
    return held ?? targetFoundAt(via, hostOf(server), server.port, cluster);
  }

  /** More than one where the config lists a server under several names. */
  namesOf({ server }: Member): readonly string[] {
    const listed = this.listed.find(server);
    if (listed.length > 0) return listed.map(({ address }) => address);
    const address = addressOf(server);
    return [this.#doubles.get(address) ?? address];
  }
}
