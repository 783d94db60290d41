import { randomBytes } from "node:crypto";

/** The topics of one prefix. The version is that of what their records hold. */
export interface TopicNames {
  /** From agents to the group of aggregators. */
  readonly panes: string;
  /** What each partition's owner tells all aggregators at each hop. */
  readonly heat: string;
  /** What aggregators remember: compacted. */
  readonly state: string;
  /** What agents are told: compacted. */
  readonly hotset: string;
}

export function topicNames(prefix: string): TopicNames {
  return {
    panes: `${prefix}.panes.v1`,
    heat: `${prefix}.heat.v1`,
    state: `${prefix}.state.v1`,
    hotset: `${prefix}.hotset.v1`,
  };
}

/** The group that shares the partitions of the panes topic. */
export function groupName(prefix: string): string {
  return `${prefix}-aggregators`;
}

/** All groups that read whole topics begin with this: what an ACL grants. */
export function tableGroupPrefix(prefix: string): string {
  return `${prefix}-table-`;
}

/** A group of its own for one process, so that it reads all partitions. */
export function tableGroup(prefix: string): string {
  return `${tableGroupPrefix(prefix)}${randomBytes(8).toString("hex")}`;
}
