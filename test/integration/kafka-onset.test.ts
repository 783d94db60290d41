import assert from "node:assert/strict";
import { test } from "node:test";
import { FleetOnsetRig } from "../../bench/support/fleet-onset-rig.ts";
import { Fleet } from "../support/fleet.ts";
import { sharedKafka } from "../support/kafka.ts";
import { startRedis } from "../support/redis.ts";
import { startWebhook } from "../support/webhook.ts";

const kafka = sharedKafka();
const ONSETS = 5;
/** Of the fleet's rule: 500/s over 2 s. */
const CROSSING_COUNT = 1000;
/** 20 times the threshold. */
const HOT_PER_SECOND = 10_000;
/** The aim is 1 s (bench/kafka-onset.bench.ts); tests share their machine. */
const PAGE_MS_MAX = 3000;

test("a key that crosses the threshold is paged soon through Kafka", kafka.needed(), async (t) => {
  const redis = await startRedis(t);
  const hook = await startWebhook(t);
  const { brokers } = kafka.get();
  const fleet = new Fleet(t, { brokers });
  await fleet.createTopics();
  const agent = await fleet.agent([redis.url]);
  const routes = [{ match: {}, receivers: ["hook"], burst: 100 }];
  const aggregator = await fleet.aggregator(hook.url, { routes });
  await Promise.all([agent.ready(), aggregator.ready()]);
  await using rig = await FleetOnsetRig.start({ fleet, brokers, redis, hook, crossingCount: CROSSING_COUNT });
  for (let i = 0; i < ONSETS; i++) {
    const onset = await rig.onset(`sale:${i}`, HOT_PER_SECOND);
    const after = (ms: number) => `${(ms - onset.crossedMs).toFixed(0)} ms`;
    t.diagnostic(
      `part published ${after(onset.publishedMs)}, consumed ${after(onset.consumedMs)}, incident written ${after(onset.writtenMs)}, page ${after(onset.notifiedMs)} after the crossing`,
    );
    assert.ok(onset.notifiedMs - onset.crossedMs < PAGE_MS_MAX);
  }
});
