import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { compared, type MeasuredNode } from "../../../../src/scans/balance/node-comparison.ts";
import { activityBetween, type Reading } from "../../../../src/scans/balance/reading.ts";

const NODE: MeasuredNode = {
  target: "a:1",
  role: "primary",
  slots: 5461,
  keys: 100,
  usedMemoryBytes: 1000,
  connectedClients: 1,
  opsPerSecond: 100,
  cpuShare: 0.1,
  networkInBytesPerSecond: 0,
  networkOutBytesPerSecond: 0,
};

const nodes = (...ops: readonly (number | null)[]) =>
  ops.map((opsPerSecond, n) => ({ ...NODE, target: `n${n}`, opsPerSecond }));

describe("nodes side by side", () => {
  test("have averages, and the largest over the mean", () => {
    const balance = compared([
      { ...NODE, keys: 300, usedMemoryBytes: 4000 },
      { ...NODE, keys: 0, usedMemoryBytes: 1000 },
      { ...NODE, keys: 300, usedMemoryBytes: 1000 },
    ]);
    assert.equal(balance.avgKeys, 200);
    assert.equal(balance.maxKeyImbalance, 1.5);
    assert.equal(balance.avgMemoryBytes, 2000);
    assert.equal(balance.maxMemoryImbalance, 2);
    assert.equal(balance.avgOpsPerSecond, 100);
    assert.equal(balance.maxOpsImbalance, 1);
  });

  test("are potentially hot above twice the mean, not at it, and stand first", () => {
    const hot = compared(nodes(10, 10, 10, 200));
    assert.deepEqual(
      hot.nodes.map(({ target, opsRatio, potentiallyHot }) => [target, opsRatio, potentiallyHot]),
      [
        ["n3", 3.48, true],
        ["n0", 0.17, false],
        ["n1", 0.17, false],
        ["n2", 0.17, false],
      ],
    );
    assert.ok(compared(nodes(0, 100)).nodes.every(({ potentiallyHot }) => !potentiallyHot));
  });

  test("are compared within their role; averages are the primaries'", () => {
    const replica = { ...NODE, role: "replica" as const, target: "r", opsPerSecond: 1000, keys: 900 };
    const balance = compared([...nodes(100, 100, 100), replica]);
    assert.equal(balance.avgKeys, 100);
    const last = balance.nodes.at(-1);
    assert.equal(last?.target, "r");
    assert.equal(last?.opsRatio, 1);
  });

  test("are not judged by what is not known", () => {
    const balance = compared(nodes(null, 100, 100));
    const unknown = balance.nodes.find(({ target }) => target === "n0");
    assert.equal(unknown?.opsRatio, null);
    assert.equal(unknown?.potentiallyHot, false);
    assert.equal(balance.nodes[0]?.opsRatio, 1);
    assert.equal(balance.avgOpsPerSecond, 100);
    assert.equal(balance.maxOpsImbalance, 1);
  });

  test("have no imbalance where there is nothing", () => {
    const balance = compared([{ ...NODE, keys: 0, usedMemoryBytes: 0, opsPerSecond: 0 }]);
    assert.equal(balance.maxKeyImbalance, null);
    assert.equal(balance.maxMemoryImbalance, null);
    assert.equal(balance.maxOpsImbalance, null);
  });
});

describe("what a server did between two readings", () => {
  const READING: Reading = {
    takenAtMs: 1000,
    runId: "a",
    keys: 1,
    usedMemoryBytes: 1,
    connectedClients: 1,
    commands: 5000,
    cpuSeconds: 10,
    networkInBytes: 100,
    networkOutBytes: 200,
  };
  const UNKNOWN = {
    opsPerSecond: null,
    cpuShare: null,
    networkInBytesPerSecond: null,
    networkOutBytesPerSecond: null,
  };

  test("is what its counters rose by, each second", () => {
    const second = { ...READING, takenAtMs: 3000, commands: 9000, cpuSeconds: 11, networkInBytes: 300 };
    assert.deepEqual(activityBetween(READING, second), {
      opsPerSecond: 2000,
      cpuShare: 0.5,
      networkInBytesPerSecond: 100,
      networkOutBytesPerSecond: 0,
    });
  });

  test("is not known where it was restarted in between", () => {
    assert.deepEqual(activityBetween(READING, { ...READING, takenAtMs: 3000, runId: "b" }), UNKNOWN);
  });

  test("is not known of counters that were reset", () => {
    const second = { ...READING, takenAtMs: 3000, commands: 10 };
    assert.equal(activityBetween(READING, second).opsPerSecond, null);
  });
});
