import type { SlotRange } from "../../model/slot.ts";
import type { Role } from "../../model/target.ts";
import type { Member } from "./membership.ts";
import { addressOf, type Naming } from "./naming.ts";

/** A server as it is reported, watched by this agent or not. */
export interface KnownServer {
  readonly cluster: string;
  readonly address: string;
  readonly aliases: readonly string[];
  readonly role: Role;
  readonly slots: readonly SlotRange[] | null;
}

/** A member under each of its names. */
export function knownServers(member: Member, naming: Naming, cluster: string): KnownServer[] {
  const { role, slots, aliases } = member.server;
  const names = [addressOf(member.server), ...aliases];
  return naming.namesOf(member).map((address) => ({ cluster, address, aliases: names, role, slots }));
}
