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

  it("is a negative cache and a lock for a storm of misses, seen with the reads or alone", () => {
    const expected = ["negative-cache", "stampede-lock", "one-key"];
    assert.deepEqual(remedies(heatOf({ reads: 10_000, misses: 9000, writes: 0 }), null), expected);
    assert.deepEqual(remedies(heatOf({ misses: 9000, writes: 0 }), null), expected);
  });

  describe("for a value that expires under its readers", () => {
    const expiring: Facts = { ...facts("string"), ttlSeconds: 60 };
    const stampede = {
      reads: 10_000,
      misses: 400,
      writes: 300,
      commands: { get: 10_000, set: 300, expire: 300 },
    };
    const cases: readonly [string, Parameters<typeof heatOf>[0], Facts | null, readonly string[]][] = [
      ["is to renew it early", stampede, expiring, ["early-refresh", "local-cache", "one-key"]],
      ["needs no facts where expiries are seen", stampede, null, ["early-refresh", "local-cache", "one-key"]],
      ["is not meant for a value that stays", stampede, facts("string"), ["local-cache", "one-key"]],
      ["is not meant for a hash", stampede, { ...expiring, type: "hash" }, ["local-cache", "one-key"]],
      ["needs more than a miss or two", { ...stampede, misses: 3 }, expiring, ["local-cache", "one-key"]],
      [
        "is not meant where one writer fills the gap",
        { ...stampede, misses: 9000, commands: { set: 1, expire: 1 } },
        expiring,
        ["negative-cache", "stampede-lock", "one-key"],
      ],
      [
        "is found with misses and writes alone, where reads are unseen",
        { misses: 500, writes: 20_000, commands: { set: 20_000 } },
        expiring,
        ["write-coalescing", "early-refresh", "one-key"],
      ],
    ];
    for (const [name, heat, known, expected] of cases) {
      it(name, () => assert.deepEqual(remedies(heatOf(heat), known), expected));
    }
  });

  it("repeats no command that a client made up", () => {
    const heat = heatOf({ commands: { "<!channel>": 30_000, incr: 20_000 } });
    const [first] = adviceFor(heat, null);
    assert.match(first?.why ?? "", /mostly incr\)/);
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
      adviceFor(heatOf({ misses: 900, writes: 9000, commands: { set: 900, expire: 900 } }), null),
    ];
    for (const { remedy, why, url } of heats.flat()) {
      assert.equal(url, `docs/advice.md#${remedy}`);
      assert.match(page, new RegExp(`^## ${remedy}$`, "m"));
      assert.match(why, /^\S.*\.$/);
    }
  });
});
