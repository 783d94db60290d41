import type { KafkaSettings } from "./connection.ts";
import { topicNames } from "./names.ts";

/** How a topic is to be. */
export interface TopicPlan {
  readonly topic: string;
  readonly partitions: number;
  /** By name, as Kafka spells them. What is not here is left to the brokers' defaults and to operators. */
  readonly settings: Readonly<Record<string, string>>;
  /** Whether what lies in it may be spread anew: nothing in it depends on its partition for longer than it is kept. */
  readonly mayGrow: boolean;
}

/** How a topic is. */
export interface TopicState {
  readonly partitions: number;
  readonly settings: ReadonlyMap<string, TopicSetting>;
}

export interface TopicSetting {
  readonly value: string;
  /** Set for this topic, not by a default of the brokers. */
  readonly isOwn: boolean;
}

export type TopicStep =
  | { readonly type: "ok"; readonly plan: TopicPlan }
  | { readonly type: "create"; readonly plan: TopicPlan }
  | { readonly type: "add-partitions"; readonly plan: TopicPlan; readonly from: number }
  | {
      readonly type: "change";
      readonly plan: TopicPlan;
      readonly setting: string;
      readonly from: string | null;
      readonly to: string;
    }
  | { readonly type: "refuse"; readonly plan: TopicPlan; readonly reason: string };

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;

/** Limits all that goes to one partition in one request; what is sent stays well below it. */
const MESSAGE_BYTES = { "max.message.bytes": String(2 ** 20) };

function deletedAfter(retentionMs: number, segmentMs: number): Record<string, string> {
  return {
    "cleanup.policy": "delete",
    "retention.ms": String(retentionMs),
    // Only closed segments are deleted: with the default of a week nothing would go.
    "segment.ms": String(segmentMs),
    ...MESSAGE_BYTES,
  };
}

const COMPACTED: Readonly<Record<string, string>> = {
  "cleanup.policy": "compact",
  // Small topics that are read whole at each start: old values are to go soon, also where little is written.
  "segment.ms": String(10 * MINUTE_MS),
  "min.cleanable.dirty.ratio": "0.1",
  "max.compaction.lag.ms": String(HOUR_MS),
  "delete.retention.ms": String(24 * HOUR_MS),
  ...MESSAGE_BYTES,
};

export function topicPlans({
  prefix,
  partitions,
}: Pick<KafkaSettings, "prefix" | "partitions">): TopicPlan[] {
  const { panes, heat, state, hotset } = topicNames(prefix);
  return [
    { topic: panes, partitions, settings: deletedAfter(HOUR_MS, 10 * MINUTE_MS), mayGrow: false },
    { topic: heat, partitions, settings: deletedAfter(5 * MINUTE_MS, MINUTE_MS), mayGrow: true },
    { topic: state, partitions, settings: COMPACTED, mayGrow: false },
    { topic: hotset, partitions, settings: COMPACTED, mayGrow: false },
  ];
}

/** What is to be done so that a topic is as planned; `state` is `null` where there is none. */
export function topicSteps(plan: TopicPlan, state: TopicState | null): TopicStep[] {
  if (state === null) return [{ type: "create", plan }];
  const refusal = partitionsRefusal(plan, state.partitions);
  if (refusal !== null) return [{ type: "refuse", plan, reason: refusal }];
  const steps: TopicStep[] = [];
  if (state.partitions < plan.partitions)
    steps.push({ type: "add-partitions", plan, from: state.partitions });
  for (const [setting, to] of Object.entries(plan.settings)) {
    const from = state.settings.get(setting)?.value ?? null;
    if (from !== to) steps.push({ type: "change", plan, setting, from, to });
  }
  return steps.length === 0 ? [{ type: "ok", plan }] : steps;
}

function partitionsRefusal({ topic, partitions, mayGrow }: TopicPlan, actual: number): string | null {
  if (actual === partitions || (actual < partitions && mayGrow)) return null;
  const ways = `set kafka.partitions to ${actual} everywhere, or take a new kafka.prefix`;
  if (actual > partitions) {
    return `has ${actual} partitions, kafka.partitions says ${partitions}: Kafka cannot take partitions away; ${ways}`;
  }
  const what = topic.includes(".panes.")
    ? "growing sends a bucket's panes to another partition, where another aggregator would count them beside the first"
    : "growing sends what is known of a cluster to another partition, and leaves the old values where they are";
  return `has ${actual} partitions, kafka.partitions says ${partitions}: ${what}; ${ways}`;
}

/** The step in one line. */
export function stepText(step: TopicStep, replication: number): string {
  switch (step.type) {
    case "ok":
      return "ok";
    case "create": {
      const settings = Object.entries(step.plan.settings).map(([name, value]) => `${name}=${value}`);
      const copies = replication === -1 ? "copies as the brokers' default" : `${replication} copies`;
      return `create: ${step.plan.partitions} partitions, ${copies}, ${settings.join(", ")}`;
    }
    case "add-partitions":
      return `add partitions: ${step.from} -> ${step.plan.partitions}`;
    case "change":
      return `change setting ${step.setting}: ${step.from ?? "(none)"} -> ${step.to}`;
    case "refuse":
      return `refused: ${step.reason}`;
  }
}
