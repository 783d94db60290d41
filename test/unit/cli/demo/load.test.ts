import assert from "node:assert/strict";
import { test } from "node:test";
import {
  ordinaryCommand,
  overheatingAt,
  SCHEDULE_MS,
  uuidOf,
  zipfRank,
} from "../../../../src/cli/demo/load.ts";
import { readsPerSecondAt } from "../../../../src/cli/demo/storefront.ts";

test("the first key overheats after 8 s for 40 s, another one later, and the schedule starts anew", () => {
  assert.equal(overheatingAt(7_999), null);
  assert.equal(overheatingAt(8_000)?.key, "product:4711:stock");
  assert.equal(overheatingAt(47_999)?.key, "product:4711:stock");
  assert.equal(overheatingAt(48_000), null);
  assert.equal(overheatingAt(120_000)?.key, "campaign:spring-sale:visits");
  assert.equal(overheatingAt(SCHEDULE_MS + 8_000)?.key, "product:4711:stock");
});

test("one key is heated by reads alone, from 20 s to 70 s of each round", () => {
  assert.equal(readsPerSecondAt(19_999), 0);
  assert.equal(readsPerSecondAt(20_000), 5_000);
  assert.equal(readsPerSecondAt(70_000), 0);
  assert.equal(readsPerSecondAt(SCHEDULE_MS + 20_000), 5_000);
});

test("ranks cover their range, and the first is about as popular as Zipf's law has it", () => {
  const ranks = Array.from({ length: 10_000 }, (_, i) => zipfRank(1000, i / 10_000));
  assert.equal(Math.min(...ranks), 0);
  assert.equal(Math.max(...ranks), 998);
  const first = ranks.filter((rank) => rank === 0).length / ranks.length;
  assert.ok(Math.abs(first - Math.log(2) / Math.log(1000)) < 0.01, `${first}`);
});

test("names of carts look like UUIDs, and each number has its own", () => {
  const names = Array.from({ length: 5000 }, (_, i) => uuidOf(i));
  assert.equal(new Set(names).size, names.length);
  for (const name of names)
    assert.match(name, /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-8[0-9a-f]{3}-[0-9a-f]{12}$/);
});

test("ordinary commands are of every sort, and none is hot by itself", () => {
  let state = 1;
  const random = () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
  const counts = new Map<string, number>();
  const commands = new Set<string>();
  for (let i = 0; i < 30_000; i++) {
    const [name, key] = ordinaryCommand(random);
    commands.add(String(name));
    counts.set(String(key), (counts.get(String(key)) ?? 0) + 1);
  }
  assert.deepEqual([...commands].sort(), ["GET", "HSET", "INCR", "LPUSH", "LTRIM", "SET"]);
  assert.ok(Math.max(...counts.values()) / 30_000 < 0.1, "below the share from which a key counts as hot");
});
