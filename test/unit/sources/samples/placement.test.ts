import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { slotOf } from "../../../../src/model/slot.ts";
import { type KnownTarget, Placement } from "../../../../src/sources/samples/placement.ts";
import type { Sample } from "../../../../src/sources/samples/sample.ts";
import { sample } from "./scene.ts";

function target(address: string, fields: Partial<KnownTarget> = {}): KnownTarget {
  return { cluster: "shop", address, aliases: [], role: "primary", slots: null, ...fields };
}

function placed(targets: readonly KnownTarget[], fields: Partial<Sample> = {}): string {
  const placement = new Placement("default");
  placement.update(targets);
  const place = placement.placeOf(sample("user:1", { reads: 1, ...fields }));
  return `${place.cluster}/${place.target}`;
}

describe("a sample that names its server", () => {
  const targets = [target("10.0.0.1:6379"), target("10.0.0.2:6379", { role: "replica" })];

  it("is of that server, a replica too", () => {
    assert.equal(placed(targets, { target: "10.0.0.1:6379" }), "shop/10.0.0.1:6379");
    assert.equal(placed(targets, { target: "10.0.0.2:6379" }), "shop/10.0.0.2:6379");
    assert.equal(placed(targets, { target: "::ffff:10.0.0.2:6379" }), "shop/10.0.0.2:6379");
    assert.equal(placed(targets, { target: "[::ffff:10.0.0.2]:6379" }), "shop/10.0.0.2:6379");
  });

  it("may call this machine by any of its names", () => {
    const names = [
      "127.0.0.1:6379",
      "localhost:6379",
      "[::1]:6379",
      "::1:6379",
      "::ffff:127.0.0.1:6379",
      "LOCALHOST:6379",
    ];
    for (const known of ["127.0.0.1:6379", "localhost:6379", "[::1]:6379"]) {
      for (const name of names)
        assert.equal(placed([target(known), target("10.0.0.9:1")], { target: name }), `shop/${known}`);
    }
    assert.equal(
      placed([target("unix:///run/Redis.sock"), target("a:1")], { target: "unix:///run/Redis.sock" }),
      "shop/unix:///run/Redis.sock",
    );
  });

  it("may name the address that the server's own name resolved to", () => {
    const named = [
      target("redis-0:6379", { aliases: ["10.0.0.7:6379"] }),
      target("redis-1:6379", { aliases: ["[fd00::8]:6379"], role: "replica" }),
    ];
    assert.equal(placed(named, { target: "10.0.0.7:6379" }), "shop/redis-0:6379");
    assert.equal(placed(named, { target: "::ffff:10.0.0.7:6379" }), "shop/redis-0:6379");
    assert.equal(placed(named, { target: "[FD00::8]:6379" }), "shop/redis-1:6379");
    assert.equal(placed(named, { target: "redis-1:6379" }), "shop/redis-1:6379");
  });

  it("is of the server whose own address it names, rather than of one that only resolved to it", () => {
    const named = [target("redis-0:6379", { aliases: ["10.0.0.2:6379"] }), ...targets];
    assert.equal(placed(named, { target: "10.0.0.2:6379" }), "shop/10.0.0.2:6379");
  });

  it("is of the only server where nobody knows the name, and of none where a replica may have answered", () => {
    const unknown = { target: "redis.internal:6379" };
    assert.equal(placed(targets.slice(0, 1), unknown), "shop/10.0.0.1:6379");
    assert.equal(placed(targets, unknown), "shop/");
  });

  it("is of the slot's owner in Cluster mode where nobody knows the name", () => {
    const nodes = [
      target("a:1", { slots: [[0, 16_383]] }),
      target("b:1", { role: "replica", slots: [[0, 16_383]] }),
    ];
    assert.equal(placed(nodes, { target: "redis.internal:6379" }), "shop/a:1");
  });
});

describe("a sample that names none", () => {
  it("is of the only primary", () => {
    assert.equal(placed([target("a:1"), target("b:1", { role: "replica" })]), "shop/a:1");
    assert.equal(placed([target("a:1", { role: "unknown" })]), "shop/a:1");
    assert.equal(placed([target("a:1"), target("b:1", { role: "unknown" })]), "shop/a:1");
  });

  it("is of nobody where there are several, and of the config's cluster where it cannot be told", () => {
    assert.equal(placed([target("a:1"), target("b:1")]), "shop/");
    assert.equal(placed([target("a:1"), target("b:1", { cluster: "other" })]), "default/");
    assert.equal(placed([target("a:1", { role: "replica" })]), "shop/");
    assert.equal(placed([]), "default/");
  });

  it("is of the primary that owns its slot in Cluster mode", () => {
    const nodes = [
      target("a:1", { slots: [[0, 5460]] }),
      target("b:1", { slots: [[5461, 16_383]] }),
      target("c:1", { role: "replica", slots: [[5461, 16_383]] }),
    ];
    for (const key of ["user:1", "user:2", "x{tag}", "a".repeat(1024)]) {
      assert.equal(placed(nodes, { key }), slotOf(Buffer.from(key)) < 5461 ? "shop/a:1" : "shop/b:1");
    }
    assert.equal(placed(nodes, { key: "user:1", target: "c:1" }), "shop/c:1");
  });

  it("is of nobody where its slot has no owner, or two", () => {
    const none = [target("a:1", { slots: [[0, 0]] })];
    assert.equal(placed(none), "shop/");
    const two = [target("a:1", { slots: [[0, 16_383]] }), target("b:1", { slots: [[0, 16_383]] })];
    assert.equal(placed(two), "shop/");
  });
});
