import assert from "node:assert/strict";
import { test } from "node:test";
import { Fleet, type FleetProcess } from "../support/fleet.ts";
import { sharedKafka } from "../support/kafka.ts";
import { startRedisCluster } from "../support/redis-cluster.ts";
import { startLoad } from "../support/steady-load.ts";
import { waitFor } from "../support/wait.ts";

/** Enough to fall into buckets of both aggregators, whichever of them owns the cluster. */
const KEYS = Array.from({ length: 12 }, (_, index) => `hot:${index}`);
const RULE = { name: "hot", type: "rate", window: "2s", threshold: "20/s" };

const kafka = sharedKafka();

test(
  "what fires adds up over the aggregators, also in a cluster that another one owns and no config of theirs names",
  kafka.needed(),
  async (t) => {
    const cluster = await startRedisCluster(t, { primaries: 2, replicas: 0 });
    const fleet = new Fleet(t, { brokers: kafka.get().brokers });
    await fleet.createTopics();
    const urls = cluster.primaries.map(({ address }) => `redis://${address}`);
    const agent = await fleet.agent(urls, { cluster: "shop" });
    const rules = [RULE];
    const aggregators = [await fleet.aggregator(null, { rules }), await fleet.aggregator(null, { rules })];
    await Promise.all([agent, ...aggregators].map((process) => process.ready()));
    for (const primary of cluster.primaries) {
      const keys = KEYS.filter((key) => cluster.primaryOf(key) === primary);
      await startLoad(t, primary.port, 100 * keys.length, (i) => ["SET", keys[i % keys.length] ?? "", "1"]);
    }

    await waitFor("every key to be among those that fire, at one or the other", async () => {
      const counts = await Promise.all(aggregators.map(firingAt));
      assert.ok(
        counts.every((count) => count > 0),
        `each judges some of them: ${counts}`,
      );
      assert.equal(
        counts.reduce((sum, count) => sum + count),
        KEYS.length,
        String(counts),
      );
      return true;
    });
  },
);

async function firingAt(aggregator: FleetProcess): Promise<number> {
  return (await aggregator.metric("keyheat_incidents_firing", { cluster: "shop", rule: RULE.name })) ?? 0;
}
