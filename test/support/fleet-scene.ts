import assert from "node:assert/strict";
import type { TestContext } from "node:test";
import { slotOf } from "../../src/model/slot.ts";
import { Fleet, type FleetIncident, type FleetProcess } from "./fleet.ts";
import type { TestKafka } from "./kafka.ts";
import type { TargetRow } from "./keyheat.ts";
import { type ClusterNode, startRedisCluster, type TestCluster } from "./redis-cluster.ts";
import { waitFor } from "./wait.ts";
import { startWebhook, type TestWebhook } from "./webhook.ts";

export interface Scene {
  readonly cluster: TestCluster;
  readonly fleet: Fleet;
  readonly agents: readonly FleetProcess[];
  readonly aggregators: readonly FleetProcess[];
  readonly hook: TestWebhook;
}

/** A Redis Cluster of three primaries with a replica each, its agents as `makeAgents` says, and two aggregators. */
export async function startScene(
  t: TestContext,
  { brokers }: TestKafka,
  makeAgents: (fleet: Fleet, cluster: TestCluster) => Promise<FleetProcess>[],
): Promise<Scene> {
  const cluster = await startRedisCluster(t);
  const hook = await startWebhook(t);
  const fleet = new Fleet(t, { brokers });
  await fleet.createTopics();
  const agents = await Promise.all(makeAgents(fleet, cluster));
  const aggregators = await Promise.all([1, 2].map(() => fleet.aggregator(hook.url)));
  await Promise.all([...agents, ...aggregators].map((process) => process.ready()));
  const scene = { cluster, fleet, agents, aggregators, hook };
  for (const aggregator of aggregators) {
    await waitFor("all nodes to be seen", async () => {
      const rows = await aggregator.targets();
      const seen = rows.filter(({ state, role }) => state === "seen" && role !== "unknown");
      if (seen.length !== cluster.nodes.length) throw new Error(JSON.stringify(rows));
      return true;
    });
  }
  return scene;
}

export function urlOf({ address }: ClusterNode): string {
  return `redis://${address}`;
}

export async function targetOf(
  aggregator: FleetProcess,
  { address }: ClusterNode,
): Promise<TargetRow | undefined> {
  return (await aggregator.targets()).find(({ target }) => target === address);
}

/** A key that the node owns at the start. */
export function keyAt({ slots }: ClusterNode, name: string): string {
  for (let i = 0; ; i++) {
    const key = `${name}:${i}`;
    const slot = slotOf(Buffer.from(key));
    if (slots.some(([first, last]) => first <= slot && slot <= last)) return key;
  }
}

export async function incidentOf(aggregator: FleetProcess, key: string): Promise<FleetIncident | undefined> {
  return (await aggregator.incidents()).find((incident) => incident.key === key);
}

/** Waits until a key fires at each aggregator; the incident's id, which is the same. */
export async function fires({ aggregators }: Scene, key: string): Promise<string> {
  const found = await Promise.all(
    aggregators.map((aggregator) =>
      waitFor(`${key} to fire`, async () => {
        const incident = await incidentOf(aggregator, key);
        return incident?.status === "firing" ? incident : null;
      }),
    ),
  );
  const [first, second] = found;
  assert.ok(first && second);
  assert.equal(first.id, second.id);
  return first.id;
}
