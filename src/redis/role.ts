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
