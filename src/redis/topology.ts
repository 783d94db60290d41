import type { SlotRange } from "../model/slot.ts";
import type { Role } from "../model/target.ts";
import type { TargetPoll } from "./poll.ts";

/** A server as another one names it. */
export interface NamedServer {
  readonly host: string;
  readonly port: number;
  /** Further names, `host:port`: its IP address beside a host name. */
  readonly aliases: readonly string[];
  readonly role: Role;
  /** In Cluster mode; `null` elsewhere. */
  readonly nodeId: string | null;
  /** In Cluster mode, of a replica those of its primary; `null` elsewhere. */
  readonly slots: readonly SlotRange[] | null;
}

/** A Redis Cluster, as one of its nodes sees it. */
export interface ClusterTopology {
  readonly kind: "cluster";
  readonly servers: readonly NamedServer[];
  /** How many slots have an owner. */
  readonly slotsCovered: number;
  /** The highest configuration epoch in it. */
  readonly epoch: number;
  /** Some node is thought to be failing: either it is, or the node that was asked is cut off. */
  readonly hasFailing: boolean;
}

/** One primary that a Sentinel watches, with its replicas. */
export interface MonitoredGroup {
  readonly name: string;
  readonly epoch: number;
  readonly servers: readonly NamedServer[];
}

export interface SentinelTopology {
  readonly kind: "sentinel";
  readonly groups: readonly MonitoredGroup[];
}

/** A server without a cluster: who replicates from it, and from whom it does. */
export interface ReplicationTopology {
  readonly kind: "replication";
  readonly primary: NamedServer | null;
  readonly replicas: readonly NamedServer[];
}

/** Who belongs together, as one server sees it. */
export type Topology = ClusterTopology | SentinelTopology | ReplicationTopology;

/** A server outside Cluster mode. */
export function plainServer(host: string, port: number, role: Role): NamedServer {
  return { host, port, aliases: [], role, nodeId: null, slots: null };
}

/** Who replicates with a server outside Cluster mode, as of a poll. */
export function replicationOf({
  primary,
  replicas,
}: Pick<TargetPoll, "primary" | "replicas">): ReplicationTopology {
  return {
    kind: "replication",
    primary: primary && plainServer(primary.host, primary.port, "unknown"),
    replicas: replicas.map(({ host, port }) => plainServer(host, port, "replica")),
  };
}
