import assert from "node:assert/strict";
import { describe, it, type TestContext } from "node:test";
import type { FleetProcess } from "../support/fleet.ts";
import { fires, incidentOf, keyAt, type Scene, startScene, targetOf, urlOf } from "../support/fleet-scene.ts";
import { sharedKafka } from "../support/kafka.ts";
import type { HotKey } from "../support/keyheat.ts";
import { command, load } from "../support/redis.ts";
import { waitFor } from "../support/wait.ts";

const HOT_WRITES = 50_000;
const SPREAD_KEYS = 300;
const WRITES_EACH = 10;
const LOAD_PER_SECOND = 12_000;
const BLIND_MS_MAX = 5000;
const READ_SECONDS = 4;
const PANE_MS = 1000;

const kafka = sharedKafka();

interface KindRow {
  readonly ran: number | null;
  readonly observed: number;
  readonly ratio: number | null;
  readonly vantage: string | null;
}

interface CoverageRow {
  readonly target: string;
  readonly role: string;
  readonly state: string;
  readonly kinds: { readonly read: KindRow };
}

async function coverage(aggregator: FleetProcess): Promise<readonly CoverageRow[]> {
  return (await aggregator.api<{ targets: CoverageRow[] }>("coverage")).targets;
}

/** Waits until the sum of the keys' counts is `total` at each aggregator, every key is there, and each count is exact. */
async function countedByEither(
  { aggregators }: Scene,
  counts: ReadonlyMap<string, number>,
): Promise<readonly HotKey[][]> {
  return await Promise.all(
    aggregators.map((aggregator) =>
      waitFor(`${counts.size} keys to be counted`, async () => {
        const rows = (await aggregator.hotkeys()).keys.filter(({ key }) => counts.has(key));
        const wrong = rows.filter(({ key, count }) => count.lower !== counts.get(key));
        if (wrong.length > 0) throw new Error(`wrong: ${JSON.stringify(wrong[0])}`);
        if (rows.length !== counts.size) throw new Error(`${rows.length} of ${counts.size} keys are there`);
        return rows;
      }),
    ),
  );
}

/** Pages that speak of a key: their types. */
function pagesOf({ hook }: Scene, key: string): string[] {
  return hook.requests
    .filter(({ body }) => body.includes(JSON.stringify(key)))
    .map((page) => (page.json() as { type: string }).type);
}

describe("an agent for each node of a Redis Cluster, and two aggregators", { concurrency: 1 }, () => {
  it(
    "is one truth: of writes, of reads through several agents, and when an agent is killed",
    kafka.needed(),
    async (t) => {
      const scene = await startScene(t, kafka.get(), (fleet, { nodes }) =>
        nodes.map((node) => fleet.agent([urlOf(node)])),
      );
      await t.test("every write is counted once by either", (t) => writesAreCounted(t, scene));
      await t.test("reads of three apps through three agents are summed once", (t) =>
        readsAreSummed(t, scene),
      );
      await t.test("an agent that is killed leaves its target blind", (t) => agentIsKilled(t, scene));
    },
  );

  it("two agents that watch all count once", kafka.needed(), async (t) => {
    const everything = { discovery: { observe: "all" } };
    const scene = await startScene(t, kafka.get(), (fleet, { primaries, replicas }) =>
      [primaries[0], replicas[1]].map((seed) => fleet.agent([urlOf(seed!)], everything)),
    );
    await bothWatch(scene);
    await t.test("every write is counted once by either", (t) => writesAreCounted(t, scene));
  });

  it(
    "one agent that finds all nodes of its host from one seed counts the same",
    kafka.needed(),
    async (t) => {
      const local = { discovery: { observe: "local" } };
      const scene = await startScene(t, kafka.get(), (fleet, { replicas }) => [
        fleet.agent([urlOf(replicas[0]!)], local),
      ]);
      await t.test("every write is counted once by either", (t) => writesAreCounted(t, scene));
    },
  );
});

/**
 * Waits until each agent has watched each primary for a whole pane: where the first pane of one is partial the other's
 * counts, and what happens in the moment between their borders would be counted by both, or by none.
 */
async function bothWatch({ cluster, agents }: Scene): Promise<void> {
  for (const node of cluster.primaries) {
    const key = keyAt(node, "warm");
    for (const agent of agents) {
      await waitFor(`each agent to hear of ${node.address}`, async () => {
        await command(node.port, ["SET", key, "v"]);
        return (await agent.metric("keyheat_events", { target: node.address, event: "set" })) !== null;
      });
    }
  }
  const wholeMs = (Math.ceil(Date.now() / PANE_MS) + 1) * PANE_MS;
  await waitFor("a pane that both have watched", () => Date.now() > wholeMs);
}

/** One hot key, and keys all over the slots. */
async function writesAreCounted(t: TestContext, scene: Scene): Promise<void> {
  const { cluster } = scene;
  const spread = Array.from({ length: SPREAD_KEYS }, (_, i) => `spread:${i}`);
  for (const node of cluster.primaries) {
    const keys = spread.filter((key) => cluster.primaryOf(key) === node);
    await load(node.port, keys.length * WRITES_EACH, (i) => ["SET", keys[i % keys.length]!, "v"], 3000);
  }
  const hot = "hot:write";
  const tookMs = await load(
    cluster.primaryOf(hot).port,
    HOT_WRITES,
    (i) => ["SET", hot, String(i)],
    LOAD_PER_SECOND,
  );
  const counts = new Map([[hot, HOT_WRITES], ...spread.map((key) => [key, WRITES_EACH] as const)]);
  const startMs = performance.now();
  const tables = await countedByEither(scene, counts);
  for (const rows of tables) {
    const lower = rows.reduce((sum, { count }) => sum + count.lower, 0);
    const row = rows.find(({ key }) => key === hot);
    t.diagnostic(
      `${HOT_WRITES} writes in ${Math.round(tookMs)} ms are [${row?.count.lower}, ${row?.count.upper}], all ${lower}, ` +
        `${Math.round(performance.now() - startMs)} ms later`,
    );
    assert.equal(lower, HOT_WRITES + SPREAD_KEYS * WRITES_EACH);
    assert.equal(row?.target, cluster.primaryOf(hot).address);
  }
  const replicaRows = tables
    .flat()
    .filter(({ target }) => cluster.replicas.some((r) => r.address === target));
  assert.deepEqual(replicaRows, []);
}

/** App `n` reads a key of every shard, and tells an agent; only that of one shard watches the node that served it. */
async function readsAreSummed(t: TestContext, scene: Scene): Promise<void> {
  const { cluster, agents, aggregators } = scene;
  // Many keys a shard, so that they lie in many buckets, whose partitions are shared by both aggregators.
  const keys = Array.from({ length: 60 }, (_, i) => `read:${i}`);
  for (const key of keys) await command(cluster.primaryOf(key).port, ["SET", key, "v"]);
  const perSecond = [5, 10, 20];
  for (let second = 0; second < READ_SECONDS; second++) {
    const startMs = Date.now();
    for (const node of cluster.primaries) {
      const own = keys.filter((key) => cluster.primaryOf(key) === node);
      await load(node.port, own.length * 35, (i) => ["GET", own[i % own.length]!]);
    }
    const endMs = Date.now();
    await Promise.all(
      perSecond.map((reads, app) => {
        const samples = keys.map((key) => ({ key, reads, target: cluster.primaryOf(key).address }));
        const batch = { service: `app-${app}`, instance: "one", seq: second + 1, startMs, endMs, samples };
        return report(agents[app]!, batch);
      }),
    );
  }
  const each = READ_SECONDS * 35;
  const tables = await Promise.all(
    aggregators.map((aggregator) =>
      waitFor("the reads to be counted", async () => {
        const rows = (await aggregator.hotkeys()).keys.filter(({ key }) => keys.includes(key));
        // Each was written once.
        const counts = rows.map(({ count }) => count.lower - 1);
        if (rows.length < keys.length || counts.some((count) => count !== each))
          throw new Error(`${rows.length} keys, ${JSON.stringify(rows[0])}`);
        return counts.reduce((sum, count) => sum + count, 0);
      }),
    ),
  );
  t.diagnostic(`reads by either: ${tables.join(", ")} of ${each * keys.length}`);
  assert.deepEqual(tables, [each * keys.length, each * keys.length]);
  for (const [index, node] of cluster.primaries.entries()) {
    const ratios = await Promise.all(
      aggregators.map((aggregator) =>
        waitFor(`the reads of shard ${index} to be covered`, async () => {
          const row = (await coverage(aggregator)).find(({ target }) => target === node.address);
          const read = row?.kinds.read;
          if ((read?.ratio ?? 0) < 0.95) throw new Error(JSON.stringify(read));
          return read!;
        }),
      ),
    );
    t.diagnostic(`coverage of reads at shard ${index}: ${JSON.stringify(ratios)}`);
    for (const { vantage } of ratios) assert.equal(vantage, "clients");
  }
}

async function report(agent: FleetProcess, batch: object): Promise<void> {
  const response = await fetch(`${agent.url}/v1/samples`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(batch),
  });
  const answer = await response.text();
  assert.equal(response.status, 202, answer);
  assert.equal((JSON.parse(answer) as { dropped: number }).dropped, 0, answer);
}

async function agentIsKilled(t: TestContext, scene: Scene): Promise<void> {
  const { cluster, agents, aggregators } = scene;
  const node = cluster.primaries[1]!;
  const agent = agents[1]!;
  const key = keyAt(node, "orphan");
  const before = 4000;
  await load(node.port, before, () => ["SET", key, "v"], 2000);
  const id = await fires(scene, key);
  for (const aggregator of aggregators) await aggregator.counts(key, before);
  const killedMs = performance.now();
  await agent.signal("SIGKILL");
  await Promise.all(
    aggregators.map(async (aggregator, index) => {
      await waitFor(
        "the target to be blind",
        async () => (await targetOf(aggregator, node))?.state === "blind",
      );
      const tookMs = Math.round(performance.now() - killedMs);
      t.diagnostic(`blind at aggregator ${index} after ${tookMs} ms`);
      assert.ok(tookMs <= BLIND_MS_MAX, `${tookMs} ms`);
    }),
  );
  // What nobody watches is not counted, and takes the upper bound away.
  await load(node.port, 500, () => ["SET", key, "v"]);
  for (const aggregator of aggregators) {
    assert.notEqual((await incidentOf(aggregator, key))?.status, "resolved");
    assert.equal((await aggregator.hotkey(key))?.count.lower, before);
  }
  agent.restart();
  await agent.ready();
  for (const aggregator of aggregators)
    await waitFor("the target to be seen", async () => (await targetOf(aggregator, node))?.state === "seen");
  const after = 6000;
  await load(node.port, after, () => ["SET", key, "v"], 2000);
  for (const aggregator of aggregators) {
    const { count } = await aggregator.counts(key, before + after).catch(async () => {
      const row = await aggregator.hotkey(key);
      throw new Error(`counted otherwise: ${JSON.stringify(row?.count)}`);
    });
    t.diagnostic(`${before} + 500 unseen + ${after} are [${count.lower}, ${count.upper}]`);
    assert.ok(count.upper === null || count.upper >= before + 500 + after);
    const incident = await incidentOf(aggregator, key);
    assert.equal(incident?.id, id);
    assert.notEqual(incident?.status, "resolved");
  }
  assert.deepEqual(pagesOf(scene, key), ["incident.firing"]);
}
