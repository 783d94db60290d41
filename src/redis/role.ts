import type { Role } from "../model/target.ts";
import { type Info, infoNumber } from "./info.ts";

/** A role, and of a replica where its primary is. */
export interface RoleView {
  readonly role: Role;
  readonly primary: { readonly host: string; readonly port: number } | null;
}

const UNKNOWN: RoleView = { role: "unknown", primary: null };

/** Role from the reply to ROLE: `["master", ...]` or `["slave", host, port, ...]`. */
export function roleFromReply(reply: unknown): RoleView {
  if (!Array.isArray(reply)) return UNKNOWN;
  const [name, host, port] = reply as unknown[];
  return roleView(String(name), host, Number(port));
}

/** Role from INFO replication, for users who may not run ROLE. */
export function roleFromInfo(info: Info): RoleView {
  return roleView(info.get("role") ?? "", info.get("master_host"), infoNumber(info, "master_port"));
}

function roleView(name: string, host: unknown, port: number | null): RoleView {
  if (name === "master" || name === "primary") return { role: "primary", primary: null };
  if (name !== "slave" && name !== "replica") return UNKNOWN;
  const isKnown = typeof host === "string" && host !== "" && port !== null && Number.isInteger(port);
  return { role: "replica", primary: isKnown ? { host, port } : null };
}

/** Where a replica listens, as its primary has it from the replica itself. */
export interface ReplicaPlace {
  readonly host: string;
  readonly port: number;
}

/** The replicas of a primary (or of a replica, for they may form a chain) from ROLE: those that are in sync. */
export function replicasFromReply(reply: unknown): ReplicaPlace[] {
  if (!Array.isArray(reply)) return [];
  const [name, , rows] = reply as unknown[];
  if (name !== "master" || !Array.isArray(rows)) return [];
  return (rows as unknown[]).flatMap((row) => {
    const [host, port] = Array.isArray(row) ? (row as unknown[]) : [];
    return placeOf(host, port);
  });
}

/** The same from INFO replication, which names those that still load their data, too. */
export function replicasFromInfo(info: Info): ReplicaPlace[] {
  const replicas: ReplicaPlace[] = [];
  for (const [name, text] of info) {
    if (!/^(slave|replica)\d+$/.test(name)) continue;
    const fields = new Map(text.split(",").map((field) => splitField(field)));
    replicas.push(...placeOf(fields.get("ip"), fields.get("port")));
  }
  return replicas;
}

function splitField(field: string): [string, string] {
  const equals = field.indexOf("=");
  return [field.slice(0, equals), field.slice(equals + 1)];
}

function placeOf(host: unknown, port: unknown): ReplicaPlace[] {
  const number = Number(port);
  if (typeof host !== "string" || host === "" || !Number.isInteger(number) || number <= 0) return [];
  return [{ host, port: number }];
}
