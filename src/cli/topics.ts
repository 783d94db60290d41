import { randomUUID } from "node:crypto";
import { ConfigError, loadConfig } from "../config/load.ts";
import { systemClock } from "../runtime/clock.ts";
import { silentLogger } from "../runtime/logger.ts";
import { aclLine, agentAcls, aggregatorAcls } from "../transport/kafka/acls.ts";
import { KafkaConnection, type KafkaSettings } from "../transport/kafka/connection.ts";
import { applyTopics, planTopics } from "../transport/kafka/topic-admin.ts";
import { stepText, type TopicStep } from "../transport/kafka/topics.ts";

export interface TopicsCommandOptions {
  readonly config: string;
  readonly apply?: boolean;
}

export interface TopicsIo {
  readonly out: { write(text: string): unknown };
  readonly err: { write(text: string): unknown };
  readonly env: Readonly<Record<string, string | undefined>>;
}

/**
 * `keyheat topics [--apply]`: prints what is to be done for the topics, and the rights that users need; with `--apply` does
 * it. Returns the exit code.
 *
 * Throws: ConfigError; KafkaError.
 */
export async function topicsCommand(
  { config: file, apply = false }: TopicsCommandOptions,
  { out, err, env }: TopicsIo,
): Promise<number> {
  const settings = settingsOf(file, env);
  const connection = new KafkaConnection(settings, {
    logger: silentLogger,
    clock: systemClock,
    clientId: `keyheat-topics-${randomUUID()}`,
  });
  const steps = apply ? await applyTopics(connection) : await planTopics(connection);
  const isRefused = steps.some(({ type }) => type === "refuse");
  const isDone = steps.every(({ type }) => type === "ok");
  out.write(`${[...topicLines(steps, settings), "", ...rightsLines(settings)].join("\n")}\n`);
  if (isRefused) {
    err.write("keyheat: the topics cannot be made as the config says; nothing was changed\n");
    return 1;
  }
  if (apply) out.write(isDone ? "\nnothing was to be done\n" : "\ndone\n");
  else if (!isDone) out.write("\nnothing was changed: run again with --apply\n");
  return 0;
}

function settingsOf(file: string, env: TopicsIo["env"]): KafkaSettings {
  const { kafka } = loadConfig(file, env);
  const { brokers } = kafka;
  if (brokers === undefined) {
    throw new ConfigError(file, [
      { path: "kafka.brokers", message: "is missing: there is no Kafka without it" },
    ]);
  }
  return { ...kafka, brokers };
}

function topicLines(steps: readonly TopicStep[], { brokers, prefix, replication }: KafkaSettings): string[] {
  const width = Math.max(...steps.map(({ plan }) => plan.topic.length));
  const lines = steps.map((step) => `  ${step.plan.topic.padEnd(width)}  ${stepText(step, replication)}`);
  return [`topics of prefix ${prefix} at ${brokers.join(", ")}:`, ...lines];
}

function rightsLines({ brokers, prefix }: KafkaSettings): string[] {
  return [
    "rights, where Kafka asks for them:",
    ...agentAcls(prefix).map((need) => `  ${aclLine(need, "AGENT", brokers)}`),
    ...aggregatorAcls(prefix).map((need) => `  ${aclLine(need, "AGGREGATOR", brokers)}`),
  ];
}
