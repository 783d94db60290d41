import assert from "node:assert/strict";
import { test } from "node:test";
import { groupName, tableGroup, topicNames } from "../../../../src/transport/kafka/names.ts";
import {
  fnv1a,
  heatPartition,
  panesPartition,
  statePartition,
} from "../../../../src/transport/kafka/partitioning.ts";

test("the hash is FNV-1a of 32 bits over UTF-8: agents and aggregators of all versions agree on it", () => {
  // From the list of test vectors of the authors.
  assert.equal(fnv1a(""), 0x811c9dc5);
  assert.equal(fnv1a("a"), 0xe40c292c);
  assert.equal(fnv1a("foobar"), 0xbf9cf968);
  assert.equal(fnv1a("ü"), fnv1a(Buffer.from("ü").toString("utf8")));
});

test("the buckets of a cluster fill all partitions evenly", () => {
  for (const cluster of ["default", "shop", ""]) {
    const partitions = [...Array(12).keys()].map((bucket) => panesPartition(cluster, bucket, 12));
    assert.deepEqual(
      partitions.toSorted((a, b) => a - b),
      [...Array(12).keys()],
    );
  }
  assert.equal(statePartition("default", 12), panesPartition("default", 0, 12));
  assert.equal(heatPartition(7, 12), 7);
});

test("names have the prefix, and tables a group each", () => {
  assert.deepEqual(topicNames("a.b"), {
    panes: "a.b.panes.v1",
    heat: "a.b.heat.v1",
    state: "a.b.state.v1",
    hotset: "a.b.hotset.v1",
  });
  assert.equal(groupName("a"), "a-aggregators");
  assert.notEqual(tableGroup("a"), tableGroup("a"));
  assert.match(tableGroup("a"), /^a-table-[0-9a-f]{16}$/);
});
