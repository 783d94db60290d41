import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { parseClusterNodes } from "../../../src/redis/cluster-nodes.ts";
import { placeFromNodes, placeFromRows } from "../../../src/redis/slots.ts";

const NODES = [
  "aaa 127.0.0.1:30001@31001,host-1 myself,master - 0 1426238317239 4 connected 0-100 102 101 5000-5460 [93-<-bbb]",
  "bbb 127.0.0.1:30002@31002 master - 0 1426238316232 2 connected 5461-10922",
  "ccc 127.0.0.1:30003@31003 slave bbb 0 1426238318243 3 connected",
  "ddd :0@0 master,noaddr - 1426238316232 1426238316232 1 disconnected",
  "",
].join("\n");

function slotsFromNodes(reply: string) {
  return placeFromNodes(parseClusterNodes(reply) ?? [])?.slots ?? null;
}

function slotsFromRows(...args: Parameters<typeof placeFromRows>) {
  return placeFromRows(...args)?.slots ?? null;
}

describe("slots of the node that was asked", () => {
  it("are those of its own line, joined and in order, without slots on the move", () => {
    assert.deepEqual(slotsFromNodes(NODES), [
      [0, 102],
      [5000, 5460],
    ]);
  });

  it("are its primary's where it is a replica", () => {
    const asked = NODES.replace("myself,master", "master").replace("slave bbb", "myself,slave bbb");
    assert.deepEqual(slotsFromNodes(asked), [[5461, 10922]]);
  });

  it("are none of a node without slots, and not known without its line", () => {
    assert.deepEqual(slotsFromNodes("aaa :0@0 myself,master - 0 0 0 connected"), []);
    assert.equal(slotsFromNodes(NODES.replace("myself,", "")), null);
    assert.equal(parseClusterNodes(undefined), null);
  });

  const self = { host: "10.0.0.1", port: 6379, serverPort: 6379 };

  it("are found in CLUSTER SLOTS by address, and by an empty host, which means the node asked", () => {
    const rows = [
      [0, 99, ["10.0.0.1", 6379, "aaa"], ["10.0.0.2", 6379, "bbb"]],
      [100, 200, ["10.0.0.2", 6379, "bbb"]],
      [201, 300, ["", 6379, "aaa"]],
    ];
    assert.deepEqual(slotsFromRows(rows, self), [
      [0, 99],
      [201, 300],
    ]);
  });

  it("are told apart by port where no node shows its host", () => {
    const rows = [
      [0, 99, [null, 6379, "aaa"]],
      [100, 200, [null, 6380, "bbb"]],
    ];
    assert.deepEqual(slotsFromRows(rows, self), [[0, 99]]);
  });

  it("are those of the port that the server says, where a forwarder gave it another one", () => {
    const rows = [[0, 99, ["", 7000, "aaa"]]];
    assert.deepEqual(slotsFromRows(rows, { host: "localhost", port: 16_379, serverPort: 7000 }), [[0, 99]]);
  });

  it("come with its id", () => {
    assert.equal(placeFromNodes(parseClusterNodes(NODES) ?? [])?.nodeId, "aaa");
    assert.equal(placeFromRows([[0, 99, ["", 6379, "aaa"]]], self)?.nodeId, "aaa");
    assert.equal(placeFromRows([[0, 99, ["", 6379]]], self)?.nodeId, null);
  });

  it("are not known where the node is in no row", () => {
    assert.equal(slotsFromRows([[0, 99, ["10.0.0.9", 6379, "x"]]], self), null);
    assert.equal(slotsFromRows("no", self), null);
  });
});
