import assert from "node:assert/strict";
import { test } from "node:test";
import { LeaseTable } from "../../../../src/client/hot-set/lease-table.ts";

const AGENT_MS = Date.UTC(2026, 10, 23);
const LEASE = { cluster: "shop", db: 0, key: "k", leaseUntilMs: AGENT_MS + 30_000, ratePerSecond: 5000 };

test("a lease holds up to its end and no further, whatever the two clocks show", () => {
  const table = new LeaseTable(null, 0);
  assert.deepEqual(table.apply({ type: "snapshot", add: [LEASE] }, AGENT_MS, 7000), {
    added: ["k"],
    removed: [],
  });
  assert.deepEqual([table.rateOf("k", 36_999), table.rateOf("k", 37_000)], [5000, null]);
  assert.equal(table.nextEndMs, 37_000);
  assert.deepEqual(table.settle(37_000), { added: [], removed: ["k"] });
  assert.equal(table.nextEndMs, null);
});

test("no lease holds for longer than ten minutes without another word", () => {
  const table = new LeaseTable(null, 0);
  table.apply({ type: "snapshot", add: [{ ...LEASE, leaseUntilMs: AGENT_MS * 2 }] }, AGENT_MS, 0);
  assert.equal(table.nextEndMs, 600_000);
});

test("a snapshot takes the place of all that was known, and tells what is new in it", () => {
  const table = new LeaseTable("shop", 0);
  table.apply({ type: "snapshot", add: [LEASE, { ...LEASE, key: "old" }] }, AGENT_MS, 0);
  const add = [LEASE, { ...LEASE, key: "new" }, { ...LEASE, cluster: "blog", key: "other" }];
  assert.deepEqual(table.apply({ type: "snapshot", add }, AGENT_MS, 0), { added: ["new"], removed: ["old"] });
  assert.deepEqual(table.keys(0), ["k", "new"]);
});
