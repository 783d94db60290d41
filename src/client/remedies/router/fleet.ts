import type { Bytes, Commands } from "../commands.ts";
import type { NodeLink } from "./node-link.ts";
import type { Verdict } from "./replica-health.ts";
import type { Shard } from "./shard.ts";

/** Primaries and their replicas: a pair, or a cluster. */
export interface Fleet {
  /** The key as the servers have it: with the clients' prefix. */
  fullKey(key: Bytes): Bytes;
  /** Keys of one group may be in one MGET; in a cluster its slot. */
  groupOf(key: Bytes): number;
  /** For a read: a shard that is not watched yet is from now on. `null`: it has no replicas, or they are not known yet. */
  shardOf(group: number): Shard<NodeLink> | null;
  /** `null`: it is not watched. Once it is, its replicas serve when they have what the primary had then. */
  watchedShardOf(group: number): Shard<NodeLink> | null;
  /** Whether a replica may say nil for a key that has been there all the time. */
  readonly isNilUnsure: boolean;
  /** Runs commands at the primary, and once more where it turns out to be another one by now. */
  atPrimary<Reply>(send: (commands: Commands) => Promise<Reply>): Promise<Reply>;
  /** Looks who has which slots; a replica said that it does not have one. */
  refresh(): void;
  nodes(): RouterNode[];
  /** Closes the router's own connections. */
  close(): void;
}

/** A server, as the router knows it now. */
export interface RouterNode {
  /** `host:port`, the path of a socket, or `sentinel:NAME`. */
  readonly address: string;
  readonly role: "primary" | "replica";
  /** Whether hot keys are read there; else why not. The primary: null. */
  readonly verdict: Verdict | null;
  /** Bytes of replication that it lacked at the last check, rather over- than underestimated. `null`: not known. */
  readonly lagBytes: number | null;
  /** Mean of its reads, of about the last 2 s with any. `null`: nothing was measured. */
  readonly latencyMs: number | null;
  /** Keys read there. */
  readonly reads: number;
}

export function nodesOf(shard: Shard<NodeLink>): RouterNode[] {
  return shard.nodes.map((link) => {
    const isPrimary = link === shard.primary;
    const { verdict, lagBytes } = shard.healthOf(link);
    return {
      address: link.address,
      role: isPrimary ? "primary" : "replica",
      verdict: isPrimary ? null : verdict,
      lagBytes: isPrimary ? 0 : lagBytes,
      latencyMs: link.latencyMs,
      reads: link.reads,
    };
  });
}
