import { targetFoundAt } from "../config/resolve.ts";
import type { TargetConfig } from "../config/schema.ts";
import type { NamedServer, Topology } from "../redis/topology.ts";
import type { ServerExam } from "./server-exam.ts";

/** Which servers are known by now, by all their names. */
export class KnownServers {
  readonly #names = new Set<string>();

  add({ names }: Pick<ServerExam, "names">): void {
    for (const name of names) this.#names.add(name);
  }

  /** Those that the exams name and nobody did before; they are known from then on. */
  newcomers(exams: readonly ServerExam[]): TargetConfig[] {
    return exams.flatMap(({ target, topology }) =>
      membersOf(topology).flatMap((member) => this.#takeIn(target, member)),
    );
  }

  #takeIn(seed: TargetConfig, { host, port, aliases, nodeId }: NamedServer): TargetConfig[] {
    const member = targetFoundAt(seed, host, port, seed.cluster);
    const names = [member.address, ...aliases, ...(nodeId === null ? [] : [nodeId])];
    const isKnown = names.some((name) => this.#names.has(name));
    for (const name of names) this.#names.add(name);
    return isKnown ? [] : [member];
  }
}

function membersOf(topology: Topology | null): readonly NamedServer[] {
  switch (topology?.kind) {
    case "cluster":
      return topology.servers;
    case "sentinel":
      return topology.groups.flatMap(({ servers }) => servers);
    case "replication":
      return [...(topology.primary === null ? [] : [topology.primary]), ...topology.replicas];
    default:
      return [];
  }
}
