import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { describe, test } from "node:test";
import { hottestSlots } from "../../../../src/scans/balance/hot-slots.ts";
import { type SlotStat, slotStatsOf } from "../../../../src/scans/balance/slot-stats.ts";
import { ReplyError, readReply } from "../../../support/replies.ts";

const FOLDER = new URL("../../../fixtures/slotstats/", import.meta.url);

function recorded(name: string): unknown {
  return readReply(readFileSync(new URL(`${name}.resp2`, FOLDER)), 0)?.reply;
}

/** An answer of `CLUSTER SLOT-STATS`, not an error or one of CONFIG. */
const ANSWERS = ["redis-8.6.3", "valkey-9.1.2"].flatMap((server) =>
  readdirSync(new URL(`${server}/`, FOLDER))
    .filter((name) => /^(orderby|range|startup-yes-orderby)/.test(name))
    .map((name) => `${server}/${name.replace(".resp2", "")}`),
);

describe("an answer to CLUSTER SLOT-STATS", () => {
  test("has a row for each slot", () => {
    assert.ok(ANSWERS.length > 10);
    for (const name of ANSWERS) {
      const reply = recorded(name);
      if (reply instanceof ReplyError) continue;
      const rows = slotStatsOf(reply);
      assert.equal(rows?.length, (reply as unknown[]).length, name);
      assert.ok(
        rows?.every(({ slot, keys }) => slot >= 0 && slot < 16_384 && keys >= 0),
        name,
      );
    }
  });

  test("tells what a slot costs", () => {
    const [first] = slotStatsOf(recorded("valkey-9.1.2/orderby-cpu-limit5")) ?? [];
    assert.deepEqual(first, {
      slot: 2780,
      keys: 1,
      cpuMicroseconds: 763,
      networkInBytes: 50_133,
      networkOutBytes: 216_005,
    });
  });

  test("is told apart where the server counts nothing but keys", () => {
    assert.equal(slotStatsOf(recorded("valkey-9.1.2/disabled-range")), null);
    assert.equal(slotStatsOf(recorded("redis-8.6.3/disabled-range")), null);
  });

  test("is empty where the server has no slots, and where it is no answer at all", () => {
    assert.deepEqual(slotStatsOf(recorded("redis-8.6.3/before-slots")), []);
    assert.deepEqual(slotStatsOf(null), []);
    assert.deepEqual(slotStatsOf([1, [2], ["x", []], [3, "y"]]), []);
  });
});

describe("the hottest slots", () => {
  const stat = (slot: number, cpuMicroseconds: number): [number, SlotStat] => [
    slot,
    { slot, keys: 1, cpuMicroseconds, networkInBytes: cpuMicroseconds * 10, networkOutBytes: 0 },
  ];

  test("are those that cost most CPU in the interval, not since ever", () => {
    const before = new Map([stat(1, 9_000_000), stat(2, 0), stat(3, 500)]);
    const after = new Map([stat(1, 9_100_000), stat(2, 1_000_000), stat(3, 500)]);
    assert.deepEqual(hottestSlots("a:1", before, after, 2), [
      {
        slot: 2,
        target: "a:1",
        keys: 1,
        cpuShare: 0.5,
        networkInBytesPerSecond: 5_000_000,
        networkOutBytesPerSecond: 0,
      },
      {
        slot: 1,
        target: "a:1",
        keys: 1,
        cpuShare: 0.05,
        networkInBytesPerSecond: 500_000,
        networkOutBytesPerSecond: 0,
      },
    ]);
  });

  test("leave out a slot that has just come, or was counted anew", () => {
    const before = new Map([stat(1, 9_000_000)]);
    const after = new Map([stat(1, 100), stat(2, 1_000_000)]);
    assert.deepEqual(hottestSlots("a:1", before, after, 2), []);
  });
});
