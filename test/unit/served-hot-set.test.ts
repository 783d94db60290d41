import assert from "node:assert/strict";
import { test } from "node:test";
import type { Lease } from "../../src/model/hot-set.ts";
import { keep } from "../../src/model/key.ts";
import { ServedHotSet } from "../../src/served-hot-set.ts";
import { createRedaction, type Redaction } from "../../src/sources/redaction.ts";
import { makePart } from "../support/parts.ts";
import { SimulatedClock } from "../support/simulated-clock.ts";

const NONE = createRedaction({ mode: "none" });

function rig(redaction: Redaction = NONE) {
  const clock = new SimulatedClock();
  const served = new ServedHotSet({ rawKeyOf: (key) => redaction.rawKeyOf(key), clock });
  let changes = 0;
  served.onChange(() => changes++);
  return {
    clock,
    served,
    put(keys: readonly Uint8Array[], leftMs = 30_000) {
      const leases = keys.map(
        (key): Lease => ({
          db: 0,
          key,
          leaseUntilMs: clock.now() + leftMs,
          remedies: ["local-cache"],
          ratePerSecond: 1,
        }),
      );
      served.put({ authority: { cluster: "shop", bucket: 0, term: 1, instance: "a" }, version: 1, leases });
    },
    keys: () => served.leases().map(({ key }) => Buffer.from(key).toString()),
    changes: () => changes,
  };
}

/** What leaves the agent in place of a key that passes it. */
function redact(redaction: Redaction, key: string): Uint8Array {
  const [part] = redaction.redact([makePart({ rows: [{ key, read: 1 }] })]);
  assert.ok(part?.type === "part");
  return part.entries.keyBytes;
}

test("leases are served until they run out, and their end is told", () => {
  const { clock, put, keys, changes } = rig();
  put([Buffer.from("a")], 5000);
  clock.advance(4000);
  assert.deepEqual([keys(), changes()], [["a"], 1]);
  clock.advance(2000);
  assert.deepEqual([keys(), changes()], [[], 2]);
  assert.equal(clock.waiting, 0, "without leases there is nothing to look for");
});

test("a lease that was told is told until it ends, however many other keys pass by", () => {
  const redaction = createRedaction({ mode: "hash", secret: "s".repeat(32) }, 4096);
  const { clock, put, keys, changes } = rig(redaction);
  const redacted = redact(redaction, "flag:x");
  put([redacted]);
  for (let i = 0; i < 100; i++) redact(redaction, `other:${i}`);
  assert.equal(redaction.rawKeyOf(redacted), null);
  clock.advance(1000);
  put([redacted]);
  assert.deepEqual([keys(), changes()], [["flag:x"], 2]);
  clock.advance(30_000);
  assert.deepEqual(keys(), []);
});

test("a renewal is told, what is written again as it was is not", () => {
  const { clock, put, changes } = rig();
  put([Buffer.from("a")]);
  put([Buffer.from("a")]);
  assert.equal(changes(), 1);
  clock.advance(10_000);
  put([Buffer.from("a")]);
  assert.equal(changes(), 2);
});

test("a redacted key is served by its own name where it was seen, from then on", () => {
  const secret = "a secret of more than 16 bytes";
  for (const mode of ["hash", "template"] as const) {
    const redaction = createRedaction({ mode, secret });
    const elsewhere = createRedaction({ mode, secret });
    const seen = redact(redaction, "user:1");
    const { clock, put, keys, changes } = rig(redaction);
    put([seen, redact(elsewhere, "user:2")]);
    assert.deepEqual([keys(), changes()], [["user:1"], 1]);
    redact(redaction, "user:2");
    clock.advance(1000);
    assert.deepEqual([keys(), changes()], [["user:1", "user:2"], 2]);
  }
});

test("where keys are told as they are, a redacted one is of another agent and nobody's here; one of more than 1 KiB neither", () => {
  const redacted = redact(
    createRedaction({ mode: "hash", secret: "a secret of more than 16 bytes" }),
    "user:1",
  );
  const { put, keys } = rig();
  put([redacted, keep(Buffer.alloc(2000, "x")), Buffer.from("a")]);
  assert.deepEqual(keys(), ["a"]);
});

test("what was seen is remembered in bounded memory: of many keys the last ones", () => {
  const redaction = createRedaction({ mode: "hash", secret: "a secret of more than 16 bytes" }, 100_000);
  const [first, ...others] = Array.from({ length: 2000 }, (_, i) => redact(redaction, `user:${i}`));
  assert.ok(first);
  assert.equal(redaction.rawKeyOf(first), null);
  assert.equal(Buffer.from(redaction.rawKeyOf(others.at(-1)!) ?? "").toString(), "user:1999");
});
