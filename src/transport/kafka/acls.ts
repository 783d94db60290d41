import { groupName, tableGroupPrefix, topicNames } from "./names.ts";

/** What one kind of process may do with one resource of Kafka, at least. */
export interface AclNeed {
  readonly resource: "topic" | "group";
  readonly name: string;
  /** Whether all resources whose names begin with `name` are meant. */
  readonly prefixed: boolean;
  /** As kafka-acls spells them. READ and WRITE imply DESCRIBE. */
  readonly operations: readonly ("Read" | "Write" | "Delete")[];
}

/** An agent writes one topic and reads one. */
export function agentAcls(prefix: string): AclNeed[] {
  const { panes, hotset } = topicNames(prefix);
  return [topic(panes, "Write"), topic(hotset, "Read"), tableGroups(prefix)];
}

export function aggregatorAcls(prefix: string): AclNeed[] {
  const { panes, heat, state, hotset } = topicNames(prefix);
  return [
    topic(panes, "Read"),
    topic(heat, "Read", "Write"),
    topic(state, "Read", "Write"),
    topic(hotset, "Read", "Write"),
    { resource: "group", name: groupName(prefix), prefixed: false, operations: ["Read"] },
    tableGroups(prefix),
  ];
}

/** The line to run, with the user's name to be put in. */
export function aclLine(
  { resource, name, prefixed, operations }: AclNeed,
  user: string,
  brokers: readonly string[],
): string {
  const what = operations.map((operation) => `--operation ${operation}`).join(" ");
  const where = `--${resource} ${name}${prefixed ? " --resource-pattern-type prefixed" : ""}`;
  return `kafka-acls --bootstrap-server ${brokers.join(",")} --add --allow-principal User:${user} ${what} ${where}`;
}

function topic(name: string, ...operations: AclNeed["operations"]): AclNeed {
  return { resource: "topic", name, prefixed: false, operations };
}

/** Groups for reading whole topics, a new one each start; DELETE lets them be removed at the end. */
function tableGroups(prefix: string): AclNeed {
  return {
    resource: "group",
    name: tableGroupPrefix(prefix),
    prefixed: true,
    operations: ["Read", "Delete"],
  };
}
