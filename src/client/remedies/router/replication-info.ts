/** Where a server stands in replication. */
export interface ReplicationInfo {
  readonly role: "primary" | "replica";
  /** Bytes of the replication stream: all that a primary has written into it, what a replica has applied of it. */
  readonly offset: number;
  /** Name of the stream that offsets are of: a replica has its primary's. Empty: a server before Redis 4. */
  readonly streamId: string;
  /** Whether a replica is connected to its primary and has a whole copy. True for a primary. */
  readonly isLinked: boolean;
  /** Replicas connected to it. */
  readonly replicas: number;
}

/**
 * Reads the reply to `INFO replication`.
 *
 * Throws: Error where the role or the offset is missing.
 */
export function parseReplicationInfo(text: string): ReplicationInfo {
  const fields = new Map<string, string>();
  for (const line of text.split("\r\n")) {
    const colon = line.indexOf(":");
    if (colon > 0) fields.set(line.slice(0, colon), line.slice(colon + 1));
  }
  const role = fields.get("role");
  if (role !== "master" && role !== "slave") throw new Error("INFO replication names no role");
  const isReplica = role === "slave";
  // `slave_repl_offset` is what is applied; `slave_read_repl_offset` also counts what has only arrived.
  const offset = Number(fields.get(isReplica ? "slave_repl_offset" : "master_repl_offset") ?? "none");
  if (!Number.isFinite(offset)) throw new Error("INFO replication names no offset");
  return {
    role: isReplica ? "replica" : "primary",
    offset,
    streamId: fields.get("master_replid") ?? "",
    isLinked:
      !isReplica ||
      (fields.get("master_link_status") === "up" && fields.get("master_sync_in_progress") !== "1"),
    replicas: Number(fields.get("connected_slaves") ?? 0),
  };
}
