import type { TestContext } from "node:test";
import { SLOT_COUNT, type SlotRange, slotOf } from "../../src/model/slot.ts";
import { command, freePort, startRedis, type TestServer, waitFor } from "./redis.ts";

export interface ClusterOptions {
  readonly primaries?: number;
  /** Shared out among the primaries in turn. */
  readonly replicas?: number;
  /** Further arguments of each redis-server. */
  readonly args?: readonly string[];
}

export interface ClusterNode {
  readonly host: string;
  readonly port: number;
  /** `127.0.0.1:7000`, as targets are named. */
  readonly address: string;
  readonly role: "primary" | "replica";
  /** At the start; a replica has those of its primary. */
  readonly slots: readonly SlotRange[];
  readonly id: string;
  readonly server: TestServer;
}

/** A Redis Cluster of real servers. */
export interface TestCluster {
  /** Primaries first, in the order of their slots. */
  readonly nodes: readonly ClusterNode[];
  readonly primaries: readonly ClusterNode[];
  readonly replicas: readonly ClusterNode[];
  /** Who owned the key's slot at the start. */
  primaryOf(key: string | Uint8Array): ClusterNode;
  /** Starts one more node, without slots, and waits until every other one knows it and it would serve. */
  addNode(): Promise<ClusterNode>;
  /** Makes all others forget a node, and resets it: what `redis-cli --cluster del-node` does. */
  removeNode(node: ClusterNode): Promise<void>;
  /** Resets every node, and makes a cluster of the same servers in the reverse order, with other node ids. Returns them. */
  recreate(): Promise<readonly ClusterNode[]>;
  /** A slot's move, begun: its keys are at `to` already, and the owner answers ASK until `finish` gives it away. */
  beginMove(slot: number, to: ClusterNode): Promise<{ finish(): Promise<void> }>;
  stop(): Promise<void>;
}

/**
 * Starts a cluster of empty servers, formed by commands (redis-cli need not be there); resolves when every node says
 * `cluster_state:ok` and names all others to clients, and every replica is in sync. It ends with the test `t`.
 */
export async function startRedisCluster(
  t: TestContext | null,
  { primaries = 3, replicas = 3, args = [] }: ClusterOptions = {},
): Promise<TestCluster> {
  const servers: TestServer[] = [];
  const stop = async () => {
    await Promise.all(servers.map((server) => server.stop()));
  };
  t?.after(stop);
  try {
    // One after the other: a free port is only free until somebody takes it.
    const busPorts: number[] = [];
    for (let i = 0; i < primaries + replicas; i++) {
      const busPort = await freePort();
      busPorts.push(busPort);
      servers.push(await startRedis(null, { args: [...clusterArguments(busPort), ...args] }));
    }
    const nodes = await formCluster(servers, busPorts, primaries);
    // No node is given up for a busy machine's sake.
    for (const { port } of nodes) await command(port, ["CONFIG", "SET", "cluster-node-timeout", 15_000]);
    const grow = async () => {
      const busPort = await freePort();
      const server = await startRedis(null, { args: [...clusterArguments(busPort), ...args] });
      servers.push(server);
      return { server, busPort };
    };
    return testCluster(nodes, {
      stop,
      grow,
      form: () => formCluster(servers.slice(0, nodes.length).reverse(), busPorts.toReversed(), primaries),
    });
  } catch (error) {
    await stop();
    throw error;
  }
}

function clusterArguments(busPort: number): string[] {
  // By default the bus is at the port + 10,000, which is past the last port for many a free one.
  const bus = ["--cluster-enabled", "yes", "--cluster-port", String(busPort)];
  // News of a replica's offset, without which it is not named to clients, comes within half of the timeout.
  const quick = ["--cluster-node-timeout", "1000", "--repl-ping-replica-period", "1"];
  return [...bus, ...quick, "--cluster-config-file", "nodes.conf"];
}

async function formCluster(
  servers: readonly TestServer[],
  busPorts: readonly number[],
  primaryCount: number,
): Promise<ClusterNode[]> {
  const nodes: ClusterNode[] = [];
  for (const [index, server] of servers.entries()) {
    const isPrimary = index < primaryCount;
    nodes.push({
      host: "127.0.0.1",
      port: server.port,
      address: `127.0.0.1:${server.port}`,
      role: isPrimary ? "primary" : "replica",
      slots: [slotsOfPrimary(index % primaryCount, primaryCount)],
      id: String(await command(server.port, ["CLUSTER", "MYID"])),
      server,
    });
    await command(server.port, ["CLUSTER", "SET-CONFIG-EPOCH", index + 1]);
  }
  for (const { port, role, slots } of nodes) {
    if (role === "primary") await command(port, ["CLUSTER", "ADDSLOTSRANGE", ...slots.flat()]);
    // Everyone meets everyone: by gossip alone it takes seconds more.
    for (const [index, other] of nodes.entries()) {
      if (other.port !== port)
        await command(port, ["CLUSTER", "MEET", other.host, other.port, busPorts[index] ?? 0]);
    }
  }
  await Promise.all(nodes.map((node) => waitUntilItKnows(node, nodes)));
  for (const [index, node] of nodes.entries()) {
    if (node.role === "replica")
      await command(node.port, ["CLUSTER", "REPLICATE", nodes[index % primaryCount]?.id ?? ""]);
  }
  await Promise.all(nodes.map((node) => waitUntilReady(node, nodes)));
  return nodes;
}

function slotsOfPrimary(index: number, count: number): SlotRange {
  const boundary = (i: number) => Math.floor((i * SLOT_COUNT) / count);
  return [boundary(index), boundary(index + 1) - 1];
}

async function waitUntilItKnows(node: ClusterNode, all: readonly ClusterNode[]): Promise<void> {
  await waitFor(`${node.address} to know all others`, async () => {
    const lines = await clusterNodes(node);
    return all.every(({ id }) =>
      lines.some((line) => line.startsWith(id) && !/handshake|noaddr|fail/.test(line)),
    );
  });
}

/** The state is ok, each node is seen in its role, and a replica's data is here. */
async function waitUntilReady(node: ClusterNode, all: readonly ClusterNode[]): Promise<void> {
  await waitFor(`${node.address} to be ready`, async () => {
    const info = String(await command(node.port, ["CLUSTER", "INFO"]));
    if (!info.includes("cluster_state:ok")) return false;
    const lines = await clusterNodes(node);
    const isSeen = ({ id, role }: ClusterNode) =>
      lines.some((line) => line.startsWith(id) && line.includes(role === "primary" ? "master" : "slave"));
    if (!all.every(isSeen)) return false;
    const rows = await command(node.port, ["CLUSTER", "SLOTS"]);
    // Each row: the first slot, the last one, and the nodes.
    const named = Array.isArray(rows) ? rows.map((row) => (Array.isArray(row) ? row.length - 2 : 0)) : [];
    if (named.reduce((sum, count) => sum + count, 0) < all.length) return false;
    if (node.role === "primary") return true;
    const replication = String(await command(node.port, ["INFO", "replication"]));
    return replication.includes("master_link_status:up");
  });
}

async function clusterNodes({ port }: ClusterNode): Promise<string[]> {
  return String(await command(port, ["CLUSTER", "NODES"])).split("\n");
}

interface Making {
  stop(): Promise<void>;
  grow(): Promise<{ readonly server: TestServer; readonly busPort: number }>;
  form(): Promise<readonly ClusterNode[]>;
}

function testCluster(nodes: readonly ClusterNode[], { stop, grow, form }: Making): TestCluster {
  const primaries = nodes.filter(({ role }) => role === "primary");
  const ownerOf = (slot: number) => {
    const owner = primaries.find(({ slots }) => slots.some(([first, last]) => first <= slot && slot <= last));
    if (owner === undefined) throw new Error(`nobody owns slot ${slot}`);
    return owner;
  };
  return {
    nodes,
    primaries,
    replicas: nodes.filter(({ role }) => role === "replica"),
    primaryOf: (key) => ownerOf(slotOf(typeof key === "string" ? Buffer.from(key) : key)),
    addNode: async () => {
      const { server, busPort } = await grow();
      return await join(server, busPort, nodes);
    },
    removeNode: async (node) => {
      for (const { id, port } of nodes)
        if (id !== node.id) await command(port, ["CLUSTER", "FORGET", node.id]);
      await command(node.port, ["CLUSTER", "RESET"]);
    },
    recreate: async () => {
      // Replicas first: a primary with keys cannot be reset, and theirs are their primary's.
      for (const { port } of [...nodes].reverse()) {
        await command(port, ["FLUSHALL"]).catch(() => null);
        await command(port, ["CLUSTER", "RESET", "HARD"]);
      }
      return await form();
    },
    beginMove: (slot, to) => beginMove(primaries, slot, ownerOf(slot), to),
    stop,
  };
}

/** Source: Redis cluster specification, "Live reconfiguration". */
async function beginMove(
  primaries: readonly ClusterNode[],
  slot: number,
  from: ClusterNode,
  to: ClusterNode,
): Promise<{ finish(): Promise<void> }> {
  await command(to.port, ["CLUSTER", "SETSLOT", slot, "IMPORTING", from.id]);
  await command(from.port, ["CLUSTER", "SETSLOT", slot, "MIGRATING", to.id]);
  const keys = await command(from.port, ["CLUSTER", "GETKEYSINSLOT", slot, 10_000]);
  for (const key of Array.isArray(keys) ? keys : [])
    await command(from.port, ["MIGRATE", to.host, to.port, key as Buffer, 0, 5000]);
  return {
    finish: async () => {
      // The new owner first: until it knows, nobody would serve the slot.
      const others = primaries.filter((node) => node !== to);
      for (const { port } of [to, from, ...others])
        await command(port, ["CLUSTER", "SETSLOT", slot, "NODE", to.id]);
    },
  };
}

async function join(
  server: TestServer,
  busPort: number,
  nodes: readonly ClusterNode[],
): Promise<ClusterNode> {
  const { port } = server;
  const place = { host: "127.0.0.1", port, address: `127.0.0.1:${port}`, role: "primary", server } as const;
  const node = { ...place, slots: [], id: String(await command(port, ["CLUSTER", "MYID"])) };
  for (const other of nodes) await command(other.port, ["CLUSTER", "MEET", node.host, port, busPort]);
  await Promise.all(nodes.map((other) => waitUntilItKnows(other, [node])));
  await waitUntilItKnows(node, nodes);
  // While its timeout is short: it learns who has which slots from pings each half of it, and serves one of it later.
  await waitFor(`${node.address} to serve`, async () => {
    const info = String(await command(port, ["CLUSTER", "INFO"]));
    return info.includes("cluster_state:ok") && info.includes(`cluster_slots_ok:${SLOT_COUNT}`);
  });
  await command(port, ["CONFIG", "SET", "cluster-node-timeout", 15_000]);
  return node;
}
