import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, it } from "node:test";
import { parseClusterNodes } from "../../../src/redis/cluster-nodes.ts";
import {
  type Endpoints,
  endpointsFromRows,
  topologyFromNodes,
  topologyFromRows,
} from "../../../src/redis/cluster-topology.ts";
import { groupOf, primariesFromReply } from "../../../src/redis/sentinel-topology.ts";
import fc from "../../support/fast-check.ts";

/** Replies of redis 7.0.15; ports and node ids are put in a plain form: 7000 is `aaa...`, 7001 `bbb...`. */
function recorded(name: string): string {
  return readFileSync(new URL(`../../fixtures/topology/redis-7.0.15/${name}`, import.meta.url), "utf8");
}

const ASKED = "asked.example";
const NOBODY: Endpoints = new Map();

function fromNodes(name: string, endpoints = NOBODY) {
  return topologyFromNodes(parseClusterNodes(recorded(name)) ?? [], endpoints, ASKED);
}

function byPort({ servers }: ReturnType<typeof fromNodes>) {
  return new Map(servers.map((server) => [server.port, server]));
}

describe("a Redis Cluster from CLUSTER NODES", () => {
  it("has every node with its role, its id and its slots, a replica its primary's", () => {
    const topology = fromNodes("cluster-nodes.txt");
    assert.equal(topology.slotsCovered, 16_384);
    assert.equal(topology.epoch, 3);
    assert.equal(topology.hasFailing, false);
    const servers = byPort(topology);
    assert.deepEqual([...servers.keys()].sort(), [7000, 7001, 7002, 7003, 7004, 7005]);
    assert.deepEqual(servers.get(7001), {
      host: "127.0.0.1",
      port: 7001,
      aliases: [],
      role: "primary",
      nodeId: "b".repeat(40),
      slots: [[5461, 10_921]],
    });
    assert.equal(servers.get(7004)?.role, "replica");
    assert.deepEqual(servers.get(7004)?.slots, [[5461, 10_921]]);
  });

  it("has a slot with its owner until it has moved", () => {
    assert.deepEqual(byPort(fromNodes("cluster-nodes-moving.txt")).get(7000)?.slots, [[0, 5460]]);
    const moved = fromNodes("cluster-nodes-moved.txt");
    assert.deepEqual(byPort(moved).get(7000)?.slots, [
      [0, 4999],
      [5001, 5460],
    ]);
    assert.deepEqual(byPort(moved).get(7001)?.slots, [
      [5000, 5000],
      [5461, 10_921],
    ]);
    assert.equal(moved.epoch, 7);
  });

  it("keeps a node that has failed, and says that one has", () => {
    const topology = fromNodes("cluster-nodes-failed-over.txt");
    assert.equal(topology.hasFailing, true);
    assert.equal(topology.slotsCovered, 16_384);
    const servers = byPort(topology);
    assert.deepEqual(servers.get(7002)?.slots, []);
    assert.equal(servers.get(7005)?.role, "primary");
    assert.deepEqual(servers.get(7005)?.slots, [[10_922, 16_383]]);
  });

  it("is one node without slots after a reset", () => {
    const topology = fromNodes("cluster-nodes-reset.txt");
    assert.equal(topology.slotsCovered, 0);
    assert.deepEqual(
      topology.servers.map(({ port }) => port),
      [7004],
    );
  });

  it("takes an empty host for the one that was asked", () => {
    const [alone] = fromNodes("cluster-nodes-alone.txt").servers;
    assert.equal(alone?.host, ASKED);
    const endpoints = endpointsFromRows(JSON.parse(recorded("cluster-slots-alone.json")));
    assert.equal(fromNodes("cluster-nodes-alone.txt", endpoints).servers[0]?.host, ASKED);
  });

  it("connects to host names where the servers prefer them, and leaves out nodes that have none", () => {
    const endpoints = endpointsFromRows(JSON.parse(recorded("cluster-slots-hostname.json")));
    const { servers } = fromNodes("cluster-nodes-hostname.txt", endpoints);
    assert.deepEqual(
      servers.map(({ host, port, aliases }) => ({ host, port, aliases })),
      [{ host: "node-b.example", port: 7001, aliases: ["10.0.0.9:7001"] }],
    );
  });

  it("connects to the host that was asked where the servers do not tell theirs", () => {
    const endpoints = endpointsFromRows(JSON.parse(recorded("cluster-slots-unknown.json")));
    const { servers } = fromNodes("cluster-nodes-hostname.txt", endpoints);
    assert.deepEqual([...new Set(servers.map(({ host }) => host))], [ASKED]);
    const named = servers.find(({ port }) => port === 7001);
    assert.deepEqual(named?.aliases, ["10.0.0.9:7001", "node-b.example:7001"]);
  });

  it("leaves out nodes that are no members yet, or have no address", () => {
    const lines = [
      "aaa fd00::1:7000@17000,,tls-port=0,shard-id=x myself,master - 0 0 1 connected 0-16383",
      "bbb 10.0.0.2:7001@17001 handshake - 0 0 0 connected",
      "ccc :0@0 master,noaddr - 0 0 0 disconnected",
      "ddd :7003@17003 master - 0 0 0 connected",
      "",
    ];
    const { servers } = topologyFromNodes(parseClusterNodes(lines.join("\n")) ?? [], NOBODY, ASKED);
    assert.deepEqual(
      servers.map(({ host, port }) => [host, port]),
      [["fd00::1", 7000]],
    );
  });
});

describe("a Redis Cluster from CLUSTER SLOTS alone", () => {
  it("has the nodes that serve slots", () => {
    const topology = topologyFromRows(JSON.parse(recorded("cluster-slots.json")), ASKED);
    assert.deepEqual(
      { ...topology, servers: [] },
      {
        kind: "cluster",
        servers: [],
        slotsCovered: 16_384,
        epoch: 0,
        hasFailing: false,
      },
    );
    const withoutEpochs = fromNodes("cluster-nodes.txt").servers;
    const inOrder = (servers: typeof withoutEpochs) => servers.toSorted((a, b) => a.port - b.port);
    assert.deepEqual(inOrder(topology?.servers ?? []), inOrder(withoutEpochs));
  });

  it("leaves out an unknown host, and takes an empty one for the one that was asked", () => {
    const rows = [[0, 9, ["?", 7000, "a"], [null, 7001, "b"], ["", 7002]]];
    const servers = topologyFromRows(rows, ASKED)?.servers;
    assert.deepEqual(
      servers?.map(({ host, port, role, nodeId }) => [host, port, role, nodeId]),
      [
        [ASKED, 7001, "replica", "b"],
        [ASKED, 7002, "replica", null],
      ],
    );
    assert.equal(topologyFromRows("ERR", ASKED), null);
  });
});

describe("what a Sentinel watches", () => {
  it("is each primary with its replicas, under its name", () => {
    const [primary, ...others] = primariesFromReply(JSON.parse(recorded("sentinel-masters.json")));
    assert.ok(primary);
    assert.deepEqual(others, []);
    const { name, epoch, servers } = groupOf(primary, JSON.parse(recorded("sentinel-replicas.json")));
    assert.deepEqual([name, epoch], ["mymaster", 0]);
    assert.deepEqual(
      servers.map(({ host, port, role }) => [host, port, role]),
      [
        ["127.0.0.1", 7000, "primary"],
        ["127.0.0.1", 7001, "replica"],
      ],
    );
    assert.deepEqual(groupOf(primary, undefined).servers, [primary.server]);
  });

  it("is nothing in a reply of another form", () => {
    for (const reply of [null, "no", [1, ["name"]], [["name", "x", "ip", "", "port", "1"]]])
      assert.deepEqual(primariesFromReply(reply), []);
  });
});

it("no reply makes the parsers throw, or find more slots than there are", () => {
  fc.assert(
    fc.property(fc.anything(), fc.string(), (reply, text) => {
      const rows = topologyFromRows(reply, ASKED);
      assert.ok((rows?.slotsCovered ?? 0) <= 16_384);
      primariesFromReply(reply);
      endpointsFromRows(reply);
      topologyFromNodes(parseClusterNodes(text) ?? [], NOBODY, ASKED);
    }),
  );
});
