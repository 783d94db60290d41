import type { Role } from "../model/target.ts";
import { type MonitoredGroup, type NamedServer, plainServer } from "./topology.ts";

/** More primaries under one Sentinel are left out. */
const GROUPS_MAX = 256;

/** A primary that a Sentinel watches, from SENTINEL MASTERS; its replicas have to be asked for by its name. */
export interface MonitoredPrimary {
  readonly name: string;
  readonly epoch: number;
  readonly server: NamedServer;
}

/** Entries of SENTINEL MASTERS: flat lists of names and values. Those without an address are left out. */
export function primariesFromReply(reply: unknown): MonitoredPrimary[] {
  return entriesOf(reply)
    .slice(0, GROUPS_MAX)
    .flatMap((fields) => {
      const name = fields.get("name");
      const [server] = serverOf(fields, "primary");
      if (!name || !server) return [];
      return [{ name, epoch: Number(fields.get("config-epoch")) || 0, server }];
    });
}

/** A group from a primary and the reply to SENTINEL REPLICAS of its name (`undefined`: it was refused). */
export function groupOf({ name, epoch, server }: MonitoredPrimary, reply: unknown): MonitoredGroup {
  return {
    name,
    epoch,
    servers: [server, ...entriesOf(reply).flatMap((fields) => serverOf(fields, "replica"))],
  };
}

function serverOf(fields: ReadonlyMap<string, string>, role: Role): NamedServer[] {
  const host = fields.get("ip") ?? "";
  const port = Number(fields.get("port"));
  const isKnown = host !== "" && host !== "?" && Number.isInteger(port) && port > 0;
  return isKnown ? [plainServer(host, port, role)] : [];
}

function entriesOf(reply: unknown): ReadonlyMap<string, string>[] {
  if (!Array.isArray(reply)) return [];
  return (reply as unknown[]).map((entry) => {
    const words = Array.isArray(entry) ? (entry as unknown[]).map(textOf) : [];
    const fields = new Map<string, string>();
    for (let i = 0; i + 1 < words.length; i += 2) fields.set(words[i]!, words[i + 1]!);
    return fields;
  });
}

function textOf(word: unknown): string {
  return typeof word === "string" || typeof word === "number" ? `${word}` : "";
}
