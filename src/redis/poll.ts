import type { SlotRange } from "../model/slot.ts";
import type { Role } from "../model/target.ts";
import type { ReplicaPlace } from "./role.ts";

/** What a target says of itself at one moment. `null`: not known. Counters are since the server's start. */
export interface TargetPoll {
  readonly role: Role;
  /** Of a replica: where its primary is. */
  readonly primary: { readonly host: string; readonly port: number } | null;
  /** Who replicates from it, as they announce themselves. */
  readonly replicas: readonly ReplicaPlace[];
  /** It holds no keys and watches other servers; its role is unknown. */
  readonly isSentinel: boolean;
  /** Changes with each start of the server. */
  readonly runId: string | null;
  readonly flavor: "redis" | "valkey";
  /** `unknown` where INFO may not be asked. */
  readonly version: string;
  readonly clusterEnabled: boolean;
  /** In Cluster mode; `null` outside it and where it is not known. */
  readonly nodeId: string | null;
  /** Slots of this node, of a replica those of its primary; `null` outside Cluster mode and where they are not known. */
  readonly slots: readonly SlotRange[] | null;
  /** Keys looked up by reads (hits and misses), without the agent's own. */
  readonly reads: number | null;
  /** Calls of write commands: calls, not keys. */
  readonly writeCalls: number | null;
  /** Calls by command in lower case, `config|get` style; empty where not known. */
  readonly calls: ReadonlyMap<string, number>;
  /** CPU time of the main thread, else of the process, in seconds. */
  readonly cpuSeconds: number | null;
  readonly memoryBytes: number | null;
  readonly clients: number | null;
  readonly opsPerSecond: number | null;
  readonly uptimeSeconds: number | null;
  /** Monotonic, when the answers came. */
  readonly takenAtMs: number;
}
