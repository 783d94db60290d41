import assert from "node:assert/strict";
import { describe, it, type TestContext } from "node:test";
import { slotOf } from "../../src/model/slot.ts";
import { unaccounted } from "../../src/runtime/accounting.ts";
import { startAgent } from "../support/agent.ts";
import { startKeyheat } from "../support/keyheat.ts";
import { command, load, startRedis, startReplica, waitFor } from "../support/redis.ts";
import { type ClusterNode, startRedisCluster } from "../support/redis-cluster.ts";

/** The time within which every change is to be followed. */
const FOLLOWED_MS = 5000;

function addresses(nodes: readonly ClusterNode[]): string[] {
  return nodes.map(({ address }) => address);
}

function urlOf({ address }: ClusterNode): string {
  return `redis://${address}`;
}

/** A key that the node owns. */
function keyAt({ slots }: ClusterNode): string {
  for (let i = 0; ; i++) {
    const key = `key:${i}`;
    const slot = slotOf(Buffer.from(key));
    if (slots.some(([first, last]) => first <= slot && slot <= last)) return key;
  }
}

function inTime(t: TestContext, what: string, tookMs: number): void {
  t.diagnostic(`${what} followed after ${Math.round(tookMs)} ms`);
  assert.ok(tookMs < FOLLOWED_MS, `${what} took ${Math.round(tookMs)} ms`);
}

describe("from one seed of a Redis Cluster", { concurrency: 2 }, () => {
  it("standalone finds all nodes, and counts the writes at every shard exactly", async (t) => {
    const cluster = await startRedisCluster(t);
    const [seed] = cluster.replicas;
    assert.ok(seed);
    const keyheat = await startKeyheat(t, {
      redisUrls: [urlOf(seed)],
      file: { sources: { keyspace: { configure: "ensure" } } },
    });
    await keyheat.ready();
    // Each pane ends with a report: those of the last ones tell that all are watched.
    const rows = await waitFor("all nodes to be seen", async () => {
      const seen = (await keyheat.targets()).filter(({ state }) => state === "seen");
      return seen.length === 6 ? seen : null;
    });
    assert.deepEqual(rows.map(({ target }) => target).sort(), addresses(cluster.nodes).sort());
    assert.deepEqual(rows.filter(({ role }) => role === "primary").length, 3);
    for (const [index, node] of cluster.primaries.entries()) {
      const count = 1000 * (index + 1);
      await load(node.port, count, () => ["SET", keyAt(node), "v"]);
      const row = await keyheat.counts(keyAt(node), count);
      assert.equal(row.target, node.address);
    }
  });

  it("an agent tells who belongs to it, follows a failover, slots that move, and nodes that come and go", async (t) => {
    const cluster = await startRedisCluster(t);
    const [first, second] = cluster.primaries;
    const [replica] = cluster.replicas;
    assert.ok(first && second && replica);
    const { agent, ...told } = startAgent(t, { urls: [urlOf(second)] });
    await told.lists(addresses(cluster.nodes));
    assert.equal(told.view()?.slotsCovered, 16_384);
    await told.watches(addresses(cluster.nodes));
    assert.equal(agent.isSettled, true);
    assert.equal(agent.watched, 6);
    assert.deepEqual(agent.problems(), []);

    const slot = second.slots[0]?.[0] ?? 0;
    const third = cluster.primaries[2];
    assert.ok(third);
    const move = await cluster.beginMove(slot, third);
    let startMs = performance.now();
    await move.finish();
    const owns = (node: ClusterNode) =>
      told
        .reports()
        .get(node.address)
        ?.slots?.some(([from, to]) => from <= slot && slot <= to);
    await waitFor("the slot at its new owner", () => owns(third) === true && owns(second) === false);
    inTime(t, "a slot", performance.now() - startMs);

    await command(replica.port, ["CLUSTER", "FAILOVER"]);
    // The cluster takes its own time to agree.
    await waitFor("the cluster to fail over", async () =>
      String(await command(replica.port, ["INFO", "replication"])).includes("role:master"),
    );
    startMs = performance.now();
    await waitFor("the failover", () => told.reports().get(replica.address)?.role === "primary");
    await waitFor("the new replica", () => told.reports().get(first.address)?.role === "replica");
    inTime(t, "a failover", performance.now() - startMs);

    const added = await cluster.addNode();
    // Not before it has joined: a server's start and the cluster's gossip are not the agent's time.
    startMs = performance.now();
    await told.lists(addresses([...cluster.nodes, added]));
    await told.watches(addresses([...cluster.nodes, added]));
    inTime(t, "a new node", performance.now() - startMs);
    await load(added.port, 10, () => ["PING"]);

    startMs = performance.now();
    await cluster.removeNode(added);
    await told.lists(addresses(cluster.nodes));
    inTime(t, "a node's removal", performance.now() - startMs);
    await told.watches(addresses(cluster.nodes));
    await waitFor("the books to balance", () => agent.books().every((books) => unaccounted(books) === 0));
  });

  it("other nodes are asked once the seed has died, and a new owner of its slots is followed", async (t) => {
    const cluster = await startRedisCluster(t);
    const [seed] = cluster.primaries;
    const [heir] = cluster.replicas;
    assert.ok(seed && heir);
    const told = startAgent(t, { urls: [urlOf(seed)] });
    await told.watches(addresses(cluster.nodes));
    for (const { port } of cluster.nodes)
      await command(port, ["CONFIG", "SET", "cluster-node-timeout", 2000]);
    await seed.server.stop();
    await waitFor("the cluster to fail over", async () =>
      String(await command(heir.port, ["INFO", "replication"])).includes("role:master"),
    );
    const startMs = performance.now();
    await waitFor("the heir as primary", () => told.reports().get(heir.address)?.role === "primary");
    inTime(t, "the failover of a dead seed", performance.now() - startMs);
    // A node that has failed is still one: its silence is not its end.
    const atMs = Date.now();
    await waitFor("a later view", () => (told.view()?.atMs ?? 0) > atMs);
    assert.deepEqual(told.view()?.targets, addresses(cluster.nodes).sort());
    assert.ok(told.agent.problems().some((line) => line.startsWith(seed.address)));
  });

  it("a cluster that is made anew of the same servers goes on to be watched", async (t) => {
    const cluster = await startRedisCluster(t);
    const [seed] = cluster.primaries;
    assert.ok(seed);
    const told = startAgent(t, { urls: [urlOf(seed)] });
    await told.watches(addresses(cluster.nodes));
    const renewed = await cluster.recreate();
    const startMs = performance.now();
    const atMs = Date.now();
    const isItself = ({ address, role, slots }: ClusterNode) => {
      const report = told.reports().get(address);
      return report?.role === role && JSON.stringify(report.slots) === JSON.stringify(slots);
    };
    await waitFor("everyone's new slots", () => renewed.every(isItself));
    await waitFor("a view of all slots", () => {
      const view = told.view();
      return view && view.atMs > atMs && view.slotsCovered === 16_384;
    });
    await told.watches(addresses(renewed));
    inTime(t, "a cluster made anew", performance.now() - startMs);
    assert.deepEqual(told.view()?.targets, addresses(cluster.nodes).sort());
  });

  it("a seed that is dead from the start does no harm while another one answers", async (t) => {
    const cluster = await startRedisCluster(t, { primaries: 3, replicas: 0 });
    const [dead, alive] = cluster.nodes;
    assert.ok(dead && alive);
    await dead.server.stop();
    const told = startAgent(t, { urls: [urlOf(dead), urlOf(alive)] });
    const startMs = performance.now();
    await told.lists(addresses(cluster.nodes));
    inTime(t, "a cluster behind a dead seed", performance.now() - startMs);
    await told.watches(addresses(cluster.nodes.slice(1)));
  });

  it("a node under another name than the cluster's is one target, under the name that is listed", async (t) => {
    const cluster = await startRedisCluster(t, { primaries: 3, replicas: 0 });
    const [seed, ...others] = cluster.nodes;
    assert.ok(seed);
    // No address by its form, but what every resolver makes 127.0.0.1 of.
    const listed = `0x7f000001:${seed.port}`;
    const told = startAgent(t, { urls: [`redis://${listed}`] });
    const names = [listed, ...addresses(others)];
    await told.lists(names);
    await told.watches(names);
    const reported = new Set(told.messages.flatMap((m) => (m.type === "report" ? [m.target] : [])));
    assert.deepEqual([...reported].sort(), names.sort());
  });

  it("a node that leaves takes its incidents along: standalone ends them as decommissioned", async (t) => {
    const cluster = await startRedisCluster(t, { primaries: 3, replicas: 0 });
    const [seed] = cluster.nodes;
    assert.ok(seed);
    const added = await cluster.addNode();
    const keyheat = await startKeyheat(t, {
      redisUrls: [urlOf(seed)],
      file: { sources: { keyspace: { configure: "ensure" } } },
    });
    await keyheat.ready();
    await keyheat.sourceIs("up at the new node", ({ state }) => state === "up", 8000, added.address);
    const slot = slotOf(Buffer.from("key:0"));
    const owner = cluster.primaryOf("key:0");
    const moves = async (to: string) => {
      for (const { port } of [added, ...cluster.nodes])
        await command(port, ["CLUSTER", "SETSLOT", slot, "NODE", to]);
    };
    // Who imports a slot takes a newer epoch with it: else the old owner's gossip may take it back meanwhile.
    await command(added.port, ["CLUSTER", "SETSLOT", slot, "IMPORTING", owner.id]);
    await moves(added.id);
    await keyheat.watches();
    await load(added.port, 2000, () => ["SET", "key:0", "v"], 1000);
    const incident = () =>
      keyheat.api<{ incidents: { status: string; reason: string | null }[] }>("incidents");
    await waitFor("the incident", async () => (await incident()).incidents[0]?.status === "firing");
    await command(added.port, ["FLUSHALL"]);
    await moves(owner.id);
    const startMs = performance.now();
    await cluster.removeNode(added);
    const isOver = async () => {
      const [only] = (await incident()).incidents;
      if (only?.reason !== "decommissioned") throw new Error(JSON.stringify(only));
      return true;
    };
    await waitFor("the incident's end", isOver, 12_000);
    t.diagnostic(`decommissioned after ${Math.round(performance.now() - startMs)} ms`);
    await waitFor("the coverage without it", async () => (await keyheat.targets()).length === 3);
  });
});

describe("from one seed of a primary with replicas", { concurrency: 2 }, () => {
  it("an agent watches what it is told to: all, those of its host, or the listed ones", async (t) => {
    const primary = await startRedis(t);
    const near = await startReplica(t, primary.port);
    // An address that is set apart for documentation is nobody's.
    const far = await startReplica(t, primary.port, { args: ["--replica-announce-ip", "192.0.2.7"] });
    const [atPrimary, atNear, atFar] = [
      `127.0.0.1:${primary.port}`,
      `127.0.0.1:${near.port}`,
      `192.0.2.7:${far.port}`,
    ] as const;
    const all = startAgent(t, { urls: [near.url], observe: "all" });
    const local = startAgent(t, { urls: [near.url], observe: "local" });
    const listed = startAgent(t, { urls: [near.url], observe: "listed" });
    for (const told of [all, local, listed]) await told.lists([atPrimary, atNear, atFar]);
    await Promise.all([
      all.watches([atPrimary, atNear]),
      local.watches([atPrimary, atNear]),
      listed.watches([atNear]),
    ]);
    await waitFor("the far one's report", () => all.reports().get(atFar)?.reachable === false);
    assert.ok(all.agent.problems().some((line) => line.startsWith(atFar)));
    assert.equal(local.reports().has(atFar), false);
    assert.deepEqual(local.agent.problems(), []);
    assert.equal(all.view()?.slotsCovered, null);
  });

  it("an agent follows when the roles are swapped, and when a replica comes or goes", async (t) => {
    const first = await startRedis(t);
    const second = await startReplica(t, first.port);
    const [atFirst, atSecond] = [`127.0.0.1:${first.port}`, `127.0.0.1:${second.port}`] as const;
    const told = startAgent(t, { urls: [first.url] });
    await told.watches([atFirst, atSecond]);
    await command(second.port, ["REPLICAOF", "NO", "ONE"]);
    await command(first.port, ["REPLICAOF", "127.0.0.1", second.port]);
    let startMs = performance.now();
    await waitFor("the roles", () => {
      const reports = told.reports();
      return reports.get(atFirst)?.role === "replica" && reports.get(atSecond)?.role === "primary";
    });
    inTime(t, "a swap of roles", performance.now() - startMs);
    const third = await startReplica(t, second.port);
    const atThird = `127.0.0.1:${third.port}`;
    inTime(t, "a new replica", await told.lists([atFirst, atSecond, atThird]));
    await told.watches([atFirst, atSecond, atThird]);
    startMs = performance.now();
    await third.stop();
    await told.lists([atFirst, atSecond]);
    inTime(t, "a replica's end", performance.now() - startMs);
    await told.watches([atFirst, atSecond]);
  });

  it("an agent that has no server on its own host says so", async (t) => {
    const told = startAgent(t, { urls: ["redis://192.0.2.1:6379"], observe: "local" });
    await waitFor("the problem", () =>
      told.agent
        .problems()
        .some((line) => /no server of cluster default .* discovery.observe: all/.test(line)),
    );
    assert.equal(told.agent.watched, 0);
  });
});
