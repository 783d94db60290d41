import assert from "node:assert/strict";
import { test } from "node:test";
import { JudgedTraffic, type Second } from "../support/judged-traffic.ts";

const COMMON = { window: "10s", keepFiringFor: "5s", cooldown: "1s" };
const SHARE = { ...COMMON, name: "share", type: "share" };
const BANDWIDTH = { ...COMMON, name: "bandwidth", type: "bandwidth" };
const MIB = 2 ** 20;

/** A second in which the server ran so many writes, some of them to one key. */
function ran(all: number | null, ofKey: number): Second {
  const observed = { read: 0, write: all ?? ofKey, miss: 0 };
  return {
    rows: ofKey > 0 ? [{ key: "k", write: ofKey }] : [],
    totals: { observed, ran: { read: all === null ? null : 0, write: all } },
  };
}

function firesIn(seconds: number, rule: object, second: Second): boolean {
  const traffic = new JudgedTraffic([rule]);
  traffic.pass(seconds, second);
  return traffic.states.some((state) => state.startsWith("firing"));
}

for (const { what, rule = {}, all, ofKey, fires } of [
  { what: "half of a server's accesses", all: 1000, ofKey: 500, fires: true },
  { what: "less than half", all: 1000, ofKey: 499, fires: false },
  {
    what: "a fifth, where the threshold is one",
    rule: { threshold: 0.2 },
    all: 1000,
    ofKey: 200,
    fires: true,
  },
  { what: "all of a quiet server", all: 90, ofKey: 90, fires: false },
  { what: "half of a server of which the total is not known", all: null, ofKey: 5000, fires: false },
]) {
  test(`share: ${what} ${fires ? "fires" : "does not"}`, () => {
    assert.equal(firesIn(20, { ...SHARE, ...rule }, ran(all, ofKey)), fires);
  });
}

test("share: it says the share, and resolves when the key has surely less than resolveBelow of it", () => {
  const traffic = new JudgedTraffic([{ ...SHARE, criticalAt: 0.7 }]);
  traffic.pass(20, ran(1000, 600));
  const { measure, severity } = traffic.incident!;
  assert.deepEqual(measure, { unit: "share", value: 0.6, threshold: 0.5, baseline: null });
  assert.equal(severity, "warning");
  traffic.pass(20, ran(1000, 800));
  assert.equal(traffic.incident!.severity, "critical");
  traffic.mark();
  traffic.pass(20, ran(1000, 450));
  assert.deepEqual(traffic.states, [], "0.45 is above 0.8 times 0.5");
  traffic.pass(30, ran(1000, 300));
  assert.match(traffic.states.join(), /recovering.*resolved \(cooled\)/);
});

test("share: a key that vanishes, and a server that falls quiet, resolve", () => {
  for (const after of [ran(1000, 0), ran(10, 10)]) {
    const traffic = new JudgedTraffic([SHARE]);
    traffic.pass(20, ran(1000, 600));
    traffic.pass(90, after);
    assert.equal(traffic.incident!.status, "resolved");
  }
});

test("share: where the server no longer tells what it ran, nothing is called calm", () => {
  const traffic = new JudgedTraffic([SHARE]);
  traffic.pass(20, ran(1000, 600));
  traffic.mark();
  traffic.pass(40, ran(null, 1));
  assert.deepEqual(traffic.states, []);
  assert.equal(traffic.incident!.status, "firing");
});

test("share: of rules of different thresholds the first that matches judges", () => {
  const loose = { ...SHARE, name: "loose", threshold: 0.9, match: { key: "k*" } };
  const traffic = new JudgedTraffic([loose, SHARE]);
  traffic.pass(20, ran(1000, 600));
  assert.deepEqual(traffic.states, []);
});

/** A second of clients' reads: many small values, and one large one. */
function reads(largeReads: number, bytesEach = 10 * MIB): Second {
  const small = Array.from({ length: 300 }, (_, i) => ({
    key: `small:${i}`,
    read: 400,
    bytes: 400 * 100,
    services: { shop: 400 },
  }));
  const large = {
    key: "large",
    read: largeReads,
    bytes: largeReads * bytesEach,
    services: { shop: largeReads },
  };
  return { clientRows: largeReads > 0 ? [...small, large] : small };
}

test("bandwidth: a value of 10 MiB that is read 30 times a second fires among 120,000 reads of small ones", () => {
  const traffic = new JudgedTraffic([BANDWIDTH]);
  traffic.pass(15, reads(30));
  assert.match(traffic.states[0]!, /^firing/);
  const { measure, key } = traffic.incident!;
  assert.equal(Buffer.from(key!.bytes).toString(), "large");
  assert.equal(measure.unit, "bytes/s");
  assert.ok(measure.value! >= 100 * MIB);
});

test("bandwidth: a rise is seen before its hop closes", () => {
  const traffic = new JudgedTraffic([{ ...BANDWIDTH, threshold: "30MiB/s" }]);
  traffic.pass(20, reads(0));
  traffic.mark();
  traffic.pass(1, reads(30));
  assert.deepEqual(traffic.states, ["firing +1"]);
});

test("bandwidth: below the threshold it does not fire, and resolves while clients report", () => {
  const traffic = new JudgedTraffic([BANDWIDTH]);
  traffic.pass(20, reads(9));
  assert.deepEqual(traffic.states, []);
  traffic.pass(20, reads(30));
  assert.match(traffic.states[0]!, /^firing/);
  traffic.mark();
  traffic.pass(20, reads(9));
  assert.deepEqual(traffic.states, [], "90 MiB/s is above 0.8 times 100 MiB/s");
  traffic.pass(40, reads(0));
  assert.match(traffic.states.join(), /recovering.*resolved \(cooled\)/);
});

test("bandwidth: where nobody reports bytes any more it is not known, which is not 0", () => {
  const traffic = new JudgedTraffic([BANDWIDTH]);
  traffic.pass(20, reads(30));
  traffic.mark();
  traffic.pass(40, { rows: [{ key: "large", write: 5 }] });
  assert.deepEqual(traffic.states, []);
  assert.equal(traffic.incident!.status, "firing");
  assert.equal(traffic.incident!.measure.value, null);
});

test("an incident begins with how hot its key was before", () => {
  const traffic = new JudgedTraffic([{ ...COMMON, name: "hot", type: "rate", threshold: "1000/s" }]);
  traffic.pass(10, { rows: [{ key: "k", write: 100 }] });
  traffic.pass(1, { rows: [{ key: "k", write: 300 }] });
  traffic.pass(9, { rows: [{ key: "k", write: 100 }] });
  traffic.pass(5, { rows: [{ key: "k", write: 5000 }] });
  const { rates } = traffic.incident!.trail;
  assert.deepEqual(rates, [100, 100, 300, 100, 5000]);
});

test("a storm of incidents does not wait for how hot all their keys were", () => {
  const traffic = new JudgedTraffic([{ ...COMMON, name: "hot", type: "rate", threshold: "100/s" }]);
  traffic.pass(5, { rows: Array.from({ length: 500 }, (_, i) => ({ key: `k${i}`, write: 20 })) });
  traffic.pass(1, { rows: Array.from({ length: 500 }, (_, i) => ({ key: `k${i}`, write: 2000 })) });
  const lengths = [...traffic.incidents.active()].map(({ trail }) => trail.rates.length);
  assert.equal(lengths.length, 500);
  assert.equal(lengths.filter((length) => length > 1).length, 50);
});
