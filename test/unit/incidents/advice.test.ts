import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, it } from "node:test";
import { adviceFor, LARGE_VALUE_BYTES } from "../../../src/incidents/advice.ts";
import type { Facts } from "../../../src/model/target.ts";
import { heatOf } from "./samples.ts";

function facts(type: string, bytes: number | null = 100): Facts {
  return { type, bytes, ttlSeconds: null, encoding: null };
}

function remedies(...[heat, known]: Parameters<typeof adviceFor>): string[] {
  return adviceFor(heat, known).map(({ remedy }) => remedy);
}

describe("advice", () => {
  it("is a local cache for many reads of a small value, or of one whose size is not known", () => {
    const heat = heatOf({ reads: 20_000, writes: 10 });
    assert.deepEqual(remedies(heat, facts("string")), ["local-cache", "one-key"]);
    assert.deepEqual(remedies(heat, null), ["local-cache", "one-key"]);
  });

  it("is replicas, or a split, for many reads of a large value", () => {
    const heat = heatOf({ reads: 20_000, writes: 10 });
    assert.deepEqual(remedies(heat, facts("string", LARGE_VALUE_BYTES)), [
      "replica-reads",
      "split-value",
      "one-key",
    ]);
  });

  it("is a sharded counter for a counter, with or without facts", () => {
    const heat = heatOf({ writes: 20_000, commands: { expire: 20_001, incrby: 20_000 } });
    assert.deepEqual(remedies(heat, facts("string")), ["sharded-counter", "one-key"]);
    assert.deepEqual(remedies(heat, null), ["sharded-counter", "one-key"]);
  });

  it("is shards for a collection, told by its type or by the commands", () => {
    for (const [type, command] of [
      ["hash", "hset"],
      ["set", "sadd"],
      ["zset", "zincr"],
      ["list", "lpush"],
      ["stream", "xadd"],
    ] as const) {
      const heat = heatOf({ commands: { [command]: 20_000 } });
      assert.deepEqual(remedies(heat, facts(type)), ["hash-shards", "one-key"], type);
      assert.deepEqual(remedies(heat, null), ["hash-shards", "one-key"], command);
    }
  });

  it("is fewer writes for a plain value", () => {
    assert.deepEqual(remedies(heatOf({ commands: { set: 20_000 } }), null), ["write-coalescing", "one-key"]);
  });

  it("is a negative cache for a storm of misses, seen with the reads or alone", () => {
    assert.deepEqual(remedies(heatOf({ reads: 10_000, misses: 9000, writes: 0 }), null), [
      "negative-cache",
      "one-key",
    ]);
    assert.deepEqual(remedies(heatOf({ misses: 9000, writes: 0 }), null), ["negative-cache", "one-key"]);
  });

  it("puts the larger half first and says nothing of a small one", () => {
    assert.deepEqual(remedies(heatOf({ reads: 15_000, writes: 5000 }), null), [
      "local-cache",
      "write-coalescing",
      "one-key",
    ]);
    assert.deepEqual(remedies(heatOf({ reads: 500, writes: 20_000 }), null), ["write-coalescing", "one-key"]);
  });

  it("has a section in the documentation for every remedy", () => {
    const page = readFileSync(new URL("../../../docs/advice.md", import.meta.url), "utf8");
    const heats = [
      adviceFor(heatOf({ reads: 9000, writes: 9000, commands: { incrby: 1 } }), null),
      adviceFor(heatOf({ reads: 9000, writes: 9000, commands: { hset: 1 } }), facts("hash", 1e6)),
      adviceFor(heatOf({ misses: 9000, writes: 9000, commands: { set: 1 } }), null),
    ];
    for (const { remedy, why, url } of heats.flat()) {
      assert.equal(url, `docs/advice.md#${remedy}`);
      assert.match(page, new RegExp(`^## ${remedy}$`, "m"));
      assert.match(why, /^\S.*\.$/);
    }
  });
});
