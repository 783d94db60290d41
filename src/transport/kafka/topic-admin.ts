import kafkajs, { type Admin, type DescribeConfigResponse, type IResourceConfigEntry } from "kafkajs";
import { delay } from "../../runtime/clock.ts";
import type { KafkaConnection } from "./connection.ts";
import { KafkaError } from "./problem.ts";
import {
  type TopicPlan,
  type TopicSetting,
  type TopicState,
  type TopicStep,
  topicPlans,
  topicSteps,
} from "./topics.ts";

// Node does not find this one among the names of a CommonJS module.
const { ConfigResourceTypes } = kafkajs;
/** `ConfigSource.TOPIC_CONFIG` of Kafka's protocol: set for the topic itself. */
const OWN = 1;
const SHOWN_MS_MAX = 30_000;
const LOOK_EVERY_MS = 100;
const NOT_SHOWN = {
  code: "FAILED",
  message: `Kafka took the changes, and does not show all of them after ${SHOWN_MS_MAX / 1000} s; run keyheat topics to see what it has`,
  retryable: true,
} as const;

type States = ReadonlyMap<string, TopicState>;

/** What is to be done for the four topics, in order. Changes nothing. Throws: KafkaError. */
export async function planTopics(connection: KafkaConnection): Promise<TopicStep[]> {
  return await connection.withAdmin(async (admin) => {
    const plans = topicPlans(connection.settings);
    return stepsOf(plans, await topicStates(admin, plans));
  }, about(connection));
}

/**
 * Does what `planTopics` says, and returns that once Kafka shows it, with a leader for each partition; nothing at all where
 * something of it is refused.
 *
 * Settings that operators made beyond the plan stay. Throws: KafkaError.
 */
export async function applyTopics(connection: KafkaConnection): Promise<TopicStep[]> {
  return await connection.withAdmin(async (admin) => {
    const plans = topicPlans(connection.settings);
    const states = await topicStates(admin, plans);
    const steps = stepsOf(plans, states);
    const isRefused = steps.some(({ type }) => type === "refuse");
    const isDone = steps.every(({ type }) => type === "ok");
    if (isRefused || isDone) return steps;
    await createTopics(admin, steps, connection.settings.replication);
    await addPartitions(admin, steps);
    await changeSettings(admin, steps, states);
    await untilShown(admin, plans, connection);
    return steps;
  }, about(connection));
}

/** A broker answers a change before it, and the others, have read of it: who starts right after would find nothing. */
async function untilShown(
  admin: Admin,
  plans: readonly TopicPlan[],
  connection: KafkaConnection,
): Promise<void> {
  const { clock } = connection;
  const endMs = clock.monotonic() + SHOWN_MS_MAX;
  while (!(await isShown(admin, plans, connection))) {
    if (clock.monotonic() >= endMs) throw new KafkaError(NOT_SHOWN);
    await delay(LOOK_EVERY_MS, clock);
  }
}

async function isShown(
  admin: Admin,
  plans: readonly TopicPlan[],
  connection: KafkaConnection,
): Promise<boolean> {
  try {
    const steps = stepsOf(plans, await topicStates(admin, plans));
    if (steps.some(({ type }) => type !== "ok")) return false;
    // Asks the leader of each partition.
    await Promise.all(plans.map(({ topic }) => admin.fetchTopicOffsets(topic)));
    return true;
  } catch (error) {
    if (connection.problemOf(error).retryable) return false;
    throw error;
  }
}

function about({ topics }: KafkaConnection) {
  return { topic: Object.values(topics).join(", "), operation: "write" as const };
}

function stepsOf(plans: readonly TopicPlan[], states: States): TopicStep[] {
  return plans.flatMap((plan) => topicSteps(plan, states.get(plan.topic) ?? null));
}

async function topicStates(admin: Admin, plans: readonly TopicPlan[]): Promise<States> {
  const there = new Set(await admin.listTopics());
  const known = plans.filter(({ topic }) => there.has(topic));
  if (known.length === 0) return new Map();
  const { topics } = await admin.fetchTopicMetadata({ topics: known.map(({ topic }) => topic) });
  const settings = settingsByTopic(
    await admin.describeConfigs({
      includeSynonyms: false,
      resources: known.map(({ topic }) => ({ type: ConfigResourceTypes.TOPIC, name: topic })),
    }),
  );
  return new Map(
    topics.map(({ name, partitions }) => [
      name,
      { partitions: partitions.length, settings: settings.get(name) ?? new Map() },
    ]),
  );
}

function settingsByTopic({ resources }: DescribeConfigResponse): Map<string, Map<string, TopicSetting>> {
  return new Map(
    resources.map(({ resourceName, configEntries }) => [
      resourceName,
      new Map(
        configEntries.map(({ configName, configValue, configSource }) => [
          configName,
          { value: configValue, isOwn: configSource === OWN },
        ]),
      ),
    ]),
  );
}

async function createTopics(admin: Admin, steps: readonly TopicStep[], replication: number): Promise<void> {
  const topics = steps.flatMap(({ type, plan }) => (type === "create" ? [plan] : []));
  if (topics.length === 0) return;
  await admin.createTopics({
    // kafkajs's own wait fails where the topic is not shown at once.
    waitForLeaders: false,
    topics: topics.map(({ topic, partitions, settings }) => ({
      topic,
      numPartitions: partitions,
      replicationFactor: replication,
      configEntries: entriesOf(settings),
    })),
  });
}

async function addPartitions(admin: Admin, steps: readonly TopicStep[]): Promise<void> {
  const grown = steps.flatMap(({ type, plan }) => (type === "add-partitions" ? [plan] : []));
  if (grown.length === 0) return;
  await admin.createPartitions({
    topicPartitions: grown.map(({ topic, partitions }) => ({ topic, count: partitions })),
  });
}

/** Kafka takes the whole set of a topic's own settings: one that is left out falls back to its default. */
async function changeSettings(admin: Admin, steps: readonly TopicStep[], states: States): Promise<void> {
  const changed = new Set(steps.flatMap(({ type, plan }) => (type === "change" ? [plan] : [])));
  if (changed.size === 0) return;
  await admin.alterConfigs({
    validateOnly: false,
    resources: Array.from(changed, ({ topic, settings }) => ({
      type: ConfigResourceTypes.TOPIC,
      name: topic,
      configEntries: entriesOf({ ...ownSettings(states.get(topic)), ...settings }),
    })),
  });
}

function ownSettings(state: TopicState | undefined): Record<string, string> {
  const own = [...(state?.settings ?? [])].filter(([, { isOwn }]) => isOwn);
  return Object.fromEntries(own.map(([name, { value }]) => [name, value]));
}

function entriesOf(settings: Readonly<Record<string, string>>): IResourceConfigEntry[] {
  return Object.entries(settings).map(([name, value]) => ({ name, value }));
}
