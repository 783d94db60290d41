import assert from "node:assert/strict";
import { test } from "node:test";
import { Topology, TopologyView } from "../../../../src/client/remedies/spread/topology.ts";
import { variantsOf } from "../../../../src/client/remedies/spread/variants.ts";
import { SLOT_COUNT, slotOf } from "../../../../src/model/slot.ts";
import fc from "../../../support/fast-check.ts";

const PLACE = { isCluster: true, keyPrefix: Buffer.alloc(0) };

/** Node n has as many slots as its weight tells, next to each other. */
function topologyOf(weights: readonly number[]): Topology {
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  const bounds = weights.map((_, node) =>
    weights.slice(0, node + 1).reduce((sum, weight) => sum + weight, 0),
  );
  return new Topology(
    Array.from({ length: SLOT_COUNT }, (_, slot) => {
      const node = bounds.findIndex((bound) => (slot * total) / SLOT_COUNT < bound);
      return `node:${node}`;
    }),
  );
}

const distinct = <Value>(values: readonly Value[]) => new Set(values).size;

test("whatever the key and the cluster, variants lie in slots of their own, and on as many nodes as there can be", () => {
  fc.assert(
    fc.property(
      fc.oneof(
        fc.string({ minLength: 1 }),
        fc.uint8Array({ minLength: 1 }),
        fc.constantFrom("{a}b", "{", "}{"),
      ),
      fc.array(fc.integer({ min: 1, max: 50 }), { minLength: 1, maxLength: 12 }),
      fc.integer({ min: 1, max: 16 }),
      (key, weights, copies) => {
        const topology = topologyOf(weights);
        const variants = variantsOf(key, copies, topology, PLACE);
        assert.equal(variants.length, copies);
        assert.deepEqual(variants[0]?.key, Buffer.from(key as string));
        assert.equal(distinct(variants.map(({ slot }) => slot)), copies);
        assert.equal(distinct(variants.map(({ node }) => node)), Math.min(copies, weights.length));
        for (const { key: name, slot, node } of variants) {
          assert.equal(slotOf(name), slot);
          assert.equal(topology.owners[slot], node);
        }
      },
    ),
    { numRuns: 200 },
  );
});

test("where there are fewer nodes than copies, each has as many as any other, or one more", () => {
  for (const nodes of [1, 2, 3, 5]) {
    for (let i = 0; i < 20; i++) {
      const variants = variantsOf(`key:${i}`, 7, topologyOf(new Array(nodes).fill(1)), PLACE);
      const counts = Array.from(
        { length: nodes },
        (_, node) => variants.filter((variant) => variant.node === `node:${node}`).length,
      );
      assert.equal(variants.length, 7);
      assert.ok(Math.max(...counts) - Math.min(...counts) <= 1, `${nodes} nodes: ${counts}`);
    }
  }
});

test("a node that serves one slot alone has a variant", () => {
  for (const slot of [0, 5000, SLOT_COUNT - 1]) {
    const owners = Array.from({ length: SLOT_COUNT }, (_, at) => (at === slot ? "tiny" : "big"));
    for (const key of ["a", "{b}c"]) {
      const variants = variantsOf(key, 2, new Topology(owners), PLACE);
      assert.equal(distinct(variants.map(({ node }) => node)), 2);
      assert.ok(variants.some((variant) => slotOf(variant.key) === slot));
    }
  }
});

test("suffixes, hoped to lie apart, mostly do not", () => {
  const topology = topologyOf([1, 1, 1]);
  let together = 0;
  for (let i = 0; i < 100; i++) {
    const nodes = [0, 1, 2].map((n) => topology.owners[slotOf(Buffer.from(`key:${i}:${n}`))]);
    if (distinct(nodes) < 3) together++;
  }
  assert.ok(together > 50, `${together} of 100`);
});

test("a failover that moves no slot leaves the variants where they are", () => {
  const before = topologyOf([3, 1, 2]);
  const failedOver = new Topology(before.owners.map((owner) => (owner === "node:1" ? "its-replica" : owner)));
  for (let i = 0; i < 20; i++) {
    const slots = [before, failedOver].map((topology) =>
      variantsOf(`key:${i}`, 3, topology, PLACE).map(({ slot }) => slot),
    );
    assert.deepEqual(slots[0], slots[1]);
  }
});

test("variants are the same from every version", () => {
  const variants = variantsOf("views", 3, topologyOf([1, 1, 1]), PLACE);
  assert.deepEqual(
    variants.map(({ key }) => key.toString()),
    ["views", "views:spread:{1ny}", "views:spread:{ot}"],
  );
});

test("the client's prefix counts for the slot of the key itself", () => {
  const place = { isCluster: true, keyPrefix: Buffer.from("app:") };
  for (const { key, slot } of variantsOf("k", 3, topologyOf([1, 1, 1]), place))
    assert.equal(slot, slotOf(Buffer.from(`app:${key}`)));
});

test("slots that nobody serves are left out, and a key in one has no variants", () => {
  const slot = slotOf(Buffer.from("k"));
  const half = Array.from({ length: SLOT_COUNT }, (_, at) => (at % 2 === slot % 2 ? `node:${at % 4}` : null));
  const variants = variantsOf("k", 4, new Topology(half), PLACE);
  assert.equal(variants.length, 4);
  for (const variant of variants) assert.equal(variant.slot % 2, slot % 2);
  assert.deepEqual(
    variantsOf("k", 4, new Topology(half.map((owner, at) => (at === slot ? null : owner))), PLACE),
    [],
  );
});

test("both drivers' views are read, and a topology is a new one only where something has changed", () => {
  const ioredis = { slots: [] as string[][] };
  const view = new TopologyView(ioredis);
  assert.deepEqual(view.current(0).nodes, []);
  for (let slot = 0; slot < SLOT_COUNT; slot++)
    ioredis.slots[slot] = [slot < 100 ? "a:1" : "b:2", "replica:3"];
  // What is not known yet is looked for again at once.
  const known = view.current(60_000);
  assert.deepEqual(known.nodes, ["a:1", "b:2"]);
  assert.equal(view.current(0), known);
  ioredis.slots[100] = ["a:1"];
  assert.equal(view.current(60_000), known);
  assert.equal(view.current(0).owners[100], "a:1");
  assert.equal(view.primaries, 2);
  assert.equal(new TopologyView({ slots: ioredis.slots, nodes: () => ["a", "b", "c"] }).primaries, 3);
  const shards = Array.from({ length: SLOT_COUNT }, () => ({ master: { address: "c:3" } }));
  assert.deepEqual(new TopologyView({ slots: shards }).current(0).nodes, ["c:3"]);
});
