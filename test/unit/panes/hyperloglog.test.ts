import assert from "node:assert/strict";
import { test } from "node:test";
import { HyperLogLog } from "../../../src/panes/hyperloglog.ts";
import { KeyHasher, viewOf } from "../../../src/panes/key-words.ts";

/** Of a handful of keys two may share a register, and then look like one. */
const SHARED_REGISTERS = 2;

test("estimates lie within four standard errors of the truth, from none to a million", () => {
  const hasher = new KeyHasher();
  for (const distinct of [0, 1, 10, 500, 5_000, 100_000, 1_000_000]) {
    const sketch = new HyperLogLog();
    for (let i = 0; i < distinct; i++) {
      const key = Buffer.from(`user:${i}`);
      const hash = hasher.hash(0, viewOf(key), 0, key.length);
      sketch.add(hash);
      sketch.add(hash);
    }
    assert.ok(
      Math.abs(sketch.estimate() - distinct) <= 4 * 0.023 * distinct + SHARED_REGISTERS,
      `${distinct}: ${sketch.estimate()}`,
    );
  }
});

test("a reset sketch has seen nothing", () => {
  const sketch = new HyperLogLog();
  sketch.add(12_345);
  sketch.reset();
  assert.equal(sketch.estimate(), 0);
});
