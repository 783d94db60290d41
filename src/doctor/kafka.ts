import { randomUUID } from "node:crypto";
import { connect } from "node:net";
import { silentLogger } from "../runtime/logger.ts";
import { reasonOf } from "../runtime/reason.ts";
import { type AclNeed, aclLine, agentAcls, aggregatorAcls } from "../transport/kafka/acls.ts";
import { KafkaConnection, kafkaSettings } from "../transport/kafka/connection.ts";
import { groupName, tableGroup, tableGroupPrefix } from "../transport/kafka/names.ts";
import { lookAtGroup, lookAtTopic, type TopicLook } from "../transport/kafka/topic-look.ts";
import { topicPlans } from "../transport/kafka/topics.ts";
import { type Finding, Findings } from "./finding.ts";
import type { DoctorOptions } from "./options.ts";
import { shellWord } from "./shell-word.ts";
import { withoutBrackets } from "./url-host.ts";

const CONNECT_MS = 3000;

/** Whether Kafka answers, has the topics, and lets this user see them. What only a write would show is not tried. */
export async function examineKafka({
  config,
  file,
  clock,
}: Pick<DoctorOptions, "config" | "file" | "clock">): Promise<readonly Finding[]> {
  if (config.kafka.brokers === undefined) return [];
  const findings = new Findings("kafka");
  const connection = new KafkaConnection(kafkaSettings(config.kafka), {
    logger: silentLogger,
    clock,
    clientId: `keyheat-check-${randomUUID()}`,
  });
  await noteBrokers(findings, config.kafka.brokers);
  try {
    await noteCluster(findings, connection);
    await noteTopics(findings, connection, file);
    await noteGroup(findings, connection);
    await noteTableGroups(findings, connection);
  } catch (err) {
    findings.fail("reachable", reasonOf(err));
  }
  return findings.all;
}

/** One that is down is not noticed while the others answer. */
async function noteBrokers(findings: Findings, brokers: readonly string[]): Promise<void> {
  const reached = await Promise.all(
    brokers.map(async (broker) => ({ broker, isUp: await isReached(broker) })),
  );
  const down = reached.filter(({ isUp }) => !isUp).map(({ broker }) => broker);
  if (down.length > 0 && down.length < brokers.length)
    findings.warn("brokers", `no connection to ${down.join(", ")}; the others answer`);
}

function isReached(broker: string): Promise<boolean> {
  const { hostname, port } = new URL(`tcp://${broker}`);
  return new Promise((resolve) => {
    const socket = connect({
      host: withoutBrackets(hostname),
      port: Number(port),
      timeout: CONNECT_MS,
    });
    const end = (isUp: boolean) => {
      socket.destroy();
      resolve(isUp);
    };
    socket.once("connect", () => end(true));
    socket.once("error", () => end(false));
    socket.once("timeout", () => end(false));
  });
}

async function noteCluster(findings: Findings, connection: KafkaConnection): Promise<void> {
  const { brokers } = await connection.withAdmin((admin) => admin.describeCluster());
  const { sasl, ssl } = connection.settings;
  const how = [ssl && "TLS", sasl && `user ${sasl.username}`].filter(Boolean).join(", ");
  const nodes = brokers.length === 1 ? "1 broker" : `${brokers.length} brokers`;
  findings.ok("reachable", `${nodes}${how === "" ? "" : ` (${how})`}`);
}

async function noteTopics(findings: Findings, connection: KafkaConnection, file: string): Promise<void> {
  for (const plan of topicPlans(connection.settings)) {
    const look = await lookAtTopic(connection, plan.topic);
    noteTopic(findings, connection, { topic: plan.topic, wanted: plan.partitions, look, file });
  }
}

function noteTopic(
  findings: Findings,
  { settings }: KafkaConnection,
  { topic, wanted, look, file }: { topic: string; wanted: number; look: TopicLook; file: string },
): void {
  const check = `topic ${topic}`;
  if (look.state === "there" && look.partitions === wanted) findings.ok(check, `${wanted} partitions`);
  else if (look.state === "there")
    findings.fail(
      check,
      `has ${look.partitions} partitions, kafka.partitions says ${wanted}`,
      `keyheat topics --config ${shellWord(file)}`,
    );
  else if (look.state === "missing")
    findings.fail(check, "is missing", `keyheat topics --apply --config ${shellWord(file)}`);
  else noteDenied(findings, settings, { check, name: topic, may: "see it" });
}

/** What a user may not do, and whoever needs it: agents need less, and which of them this config is for it does not say. */
interface Denied {
  readonly check: string;
  /** Of the topic, the group or the prefix of groups. */
  readonly name: string;
  readonly may: "see it" | "read it" | "read them";
}

function noteDenied(
  findings: Findings,
  { prefix, brokers, sasl }: KafkaConnection["settings"],
  { check, name, may }: Denied,
): void {
  const needs = (acls: readonly AclNeed[]) => acls.find((need) => need.name === name);
  const ofAgent = needs(agentAcls(prefix));
  const need = ofAgent ?? needs(aggregatorAcls(prefix));
  const line = need && aclLine(need, sasl?.username ?? "USER", brokers);
  const who = ofAgent === undefined ? "an aggregator" : "an agent";
  const status = ofAgent === undefined ? "warn" : "fail";
  const what = may === "read them" ? "them" : "it";
  findings[status](check, `this user may not ${may}, and ${who} needs ${what}`, line ?? null);
}

async function noteGroup(findings: Findings, connection: KafkaConnection): Promise<void> {
  const name = groupName(connection.settings.prefix);
  const check = `group ${name}`;
  if (await lookAtGroup(connection, name))
    findings.ok(check, "may be read; what only a write shows was not tried");
  else noteDenied(findings, connection.settings, { check, name, may: "read it" });
}

/** Groups for reading whole topics, a new one each start: agents and aggregators need them. */
async function noteTableGroups(findings: Findings, connection: KafkaConnection): Promise<void> {
  const { prefix } = connection.settings;
  const name = tableGroupPrefix(prefix);
  const check = `groups ${name}...`;
  if (await lookAtGroup(connection, tableGroup(prefix))) findings.ok(check, "may be read");
  else noteDenied(findings, connection.settings, { check, name, may: "read them" });
}
