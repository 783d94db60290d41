import type { TargetConfig } from "../../config/schema.ts";
import type { MonitoredGroup } from "../../redis/topology.ts";
import type { Membership } from "./membership.ts";
import type { HeldServer } from "./servers.ts";

interface GroupView {
  readonly group: MonitoredGroup;
  readonly via: TargetConfig;
}

/**
 * Asks Sentinels what they watch. Of several that watch the same primary, the one with the highest configuration epoch
 * knows the last failover. While none answers, what was known stays.
 */
export class SentinelViews {
  #known: readonly GroupView[] = [];

  /** `cluster`: the config's name. Several primaries under it are clusters of their own. */
  memberships(cluster: string): Membership[] {
    return this.#known.map(({ group, via }) => ({
      cluster: this.#known.length === 1 ? cluster : `${cluster}/${group.name}`,
      members: group.servers.map((server) => ({ server, via })),
      slotsCovered: null,
    }));
  }

  /** Whether any of them has answered. */
  async ask(sentinels: readonly HeldServer[]): Promise<boolean> {
    const able = sentinels.filter(({ asked }) => asked.state() === "up");
    const answers = (await Promise.all(able.map(groupsOf))).filter((groups) => groups !== null);
    if (answers.length === 0) return false;
    const best = new Map<string, GroupView>();
    for (const view of answers.flat()) {
      const known = best.get(view.group.name);
      if (!known || isBetter(view.group, known.group)) best.set(view.group.name, view);
    }
    this.#known = [...best.values()];
    return true;
  }
}

export function isSentinel({ asked }: HeldServer): boolean {
  return asked.latestPoll?.isSentinel ?? false;
}

async function groupsOf({ asked, target }: HeldServer): Promise<GroupView[] | null> {
  const topology = await asked.topology().catch(() => null);
  return topology?.kind === "sentinel" ? topology.groups.map((group) => ({ group, via: target })) : null;
}

function isBetter(a: MonitoredGroup, b: MonitoredGroup): boolean {
  return a.epoch === b.epoch ? a.servers.length > b.servers.length : a.epoch > b.epoch;
}
