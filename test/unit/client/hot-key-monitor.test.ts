import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { type HotKey, HotKeyMonitor, type HotKeyMonitorOptions } from "../../../src/client/index.ts";
import { SimulatedClock, settle } from "../../support/simulated-clock.ts";

function rig(options: HotKeyMonitorOptions = {}) {
  const clock = new SimulatedClock();
  const told: string[] = [];
  const hots: HotKey[] = [];
  const startMs = clock.now();
  const note = (what: string) => (key: HotKey) => {
    told.push(`${what} ${key.key} ${(clock.now() - startMs) / 1000}`);
    if (what === "hot") hots.push(key);
  };
  const monitor = new HotKeyMonitor({ onHot: note("hot"), onCool: note("cool"), ...options }, clock);
  /** Records a key evenly in steps of 100 ms. */
  const run = (
    perSecond: number,
    ms: number,
    key: string | Uint8Array = "k",
    kind: "read" | "write" = "read",
  ) => {
    for (let passed = 0; passed < ms; passed += 100) {
      for (let i = 0; i < perSecond / 10; i++) monitor.record(key, kind);
      clock.advance(100);
    }
  };
  return { clock, monitor, told, hots, run };
}

describe("a key that turns hot", () => {
  test("is told of once its count over the window reaches the threshold", () => {
    const { run, told, hots, monitor } = rig({ threshold: 100 });
    run(90, 15_000, "calm");
    assert.deepEqual(told, []);
    run(1000, 900, "hot");
    assert.deepEqual(told, []);
    run(1000, 500, "hot");
    assert.equal(told.length, 1);
    assert.match(told[0] ?? "", /^hot hot 16(\.[0-4])?$/);
    const [hot] = hots;
    assert.ok(hot && hot.count.lower >= 1000 && hot.count.lower <= 1400, `${hot?.count.lower}`);
    assert.equal(hot.keyEncoding, "utf8");
    assert.equal(monitor.metrics().hotNow, 1);
  });

  test("is told of again only after the cooldown, while it stays hot", () => {
    const { run, told } = rig({ threshold: 100, cooldownMs: 20_000 });
    run(500, 50_000);
    assert.deepEqual(
      told.map((line) => line.split(" ").slice(0, 2).join(" ")),
      ["hot k", "hot k", "hot k"],
    );
    const times = told.map((line) => Number(line.split(" ")[2]));
    assert.ok(
      times.slice(1).every((time, i) => time - (times[i] ?? 0) >= 20 && time - (times[i] ?? 0) < 20.5),
    );
  });

  test("that cools and turns hot within the cooldown is not told of again", () => {
    const { clock, run, told, monitor } = rig({ threshold: 100, windowMs: 1000, cooldownMs: 60_000 });
    run(500, 2000);
    clock.advance(6000);
    run(500, 2000);
    clock.advance(6000);
    assert.deepEqual(
      told.map((line) => line.split(" ")[0]),
      ["hot", "cool"],
    );
    assert.equal(monitor.metrics().turnedHot, 2);
    assert.equal(monitor.metrics().cooled, 2);
  });

  test("is told of each time with a cooldown of 0, and once while it stays hot", () => {
    const { clock, run, told } = rig({ threshold: 100, windowMs: 1000, cooldownMs: 0 });
    run(500, 20_000);
    clock.advance(6000);
    run(500, 2000);
    clock.advance(6000);
    assert.deepEqual(
      told.map((line) => line.split(" ")[0]),
      ["hot", "cool", "hot", "cool"],
    );
  });

  test("cools when it has been below 80% of the threshold for a whole window", () => {
    const { run, told } = rig({ threshold: 100, windowMs: 2000 });
    run(500, 5000);
    run(90, 20_000);
    assert.equal(told.length, 1, "90% of the threshold is not cool");
    run(70, 10_000);
    assert.match(told[1] ?? "", /^cool k 2[89]|^cool k 3[0-2]/);
  });
});

describe("analyze", () => {
  test("knows what was recorded a moment ago, however little that was", () => {
    const { monitor } = rig({ threshold: 1, windowMs: 1000 });
    assert.deepEqual(monitor.analyze(), { totalAccesses: 0, uniqueKeys: 0, hotKeys: [] });
    monitor.record("a");
    monitor.record(Buffer.from([0xff]), "write", 5);
    monitor.record("b", "miss", 3);
    const { totalAccesses, uniqueKeys, hotKeys } = monitor.analyze();
    assert.deepEqual([totalAccesses, uniqueKeys], [9, 3]);
    assert.deepEqual(
      hotKeys.map(({ key, keyEncoding, count, ratePerSecond }) => [
        key,
        keyEncoding,
        count.lower,
        ratePerSecond,
      ]),
      [
        ["/w==", "base64", 5, 5],
        ["b", "utf8", 3, 3],
        ["a", "utf8", 1, 1],
      ],
    );
  });

  test("may be called as often as one likes: nothing is counted twice or lost", () => {
    const { clock, monitor } = rig({ threshold: 10 });
    for (let i = 0; i < 3000; i++) {
      monitor.record("k");
      if (i % 3 === 0) clock.advance(1);
      if (i % 2 === 0) monitor.analyze();
    }
    const { totalAccesses, hotKeys } = monitor.analyze();
    assert.equal(totalAccesses, 3000);
    assert.equal(hotKeys[0]?.count.lower, 3000);
  });

  test("speaks of the window alone", () => {
    const { clock, run, monitor } = rig({ threshold: 100, windowMs: 5000 });
    run(1000, 3000, "old");
    run(10, 8000, "new");
    const { totalAccesses, uniqueKeys, hotKeys } = monitor.analyze();
    assert.ok(totalAccesses >= 40 && totalAccesses <= 50, `${totalAccesses}`);
    assert.equal(uniqueKeys, 1);
    assert.deepEqual(hotKeys, []);
    clock.advance(60_000);
    assert.deepEqual(monitor.analyze(), { totalAccesses: 0, uniqueKeys: 0, hotKeys: [] });
  });

  test("estimates many distinct keys, in limited memory, and bounds what is large", () => {
    const { clock, monitor } = rig({ threshold: 1000 });
    const before = process.memoryUsage().arrayBuffers;
    for (let i = 0; i < 300_000; i++) {
      monitor.record(`key:${i % 100_000}`);
      if (i % 20 === 0) monitor.record("hot");
      if (i % 100 === 0) clock.advance(1);
    }
    const { uniqueKeys, hotKeys } = monitor.analyze();
    assert.ok(Math.abs(uniqueKeys - 100_000) < 8000, `${uniqueKeys}`);
    assert.deepEqual(
      hotKeys.map(({ key }) => key),
      ["hot"],
    );
    const { lower } = hotKeys[0]?.count ?? { lower: 0 };
    assert.ok(lower <= 15_000 && lower > 14_000, `${lower}`);
    assert.ok(process.memoryUsage().arrayBuffers - before < 100 * 2 ** 20);
  });

  test("shows the first 1 KiB of a longer key", () => {
    const { monitor } = rig({ threshold: 1, windowMs: 100 });
    monitor.record("x".repeat(5000));
    const [hot] = monitor.analyze().hotKeys;
    assert.deepEqual([hot?.key.length, hot?.cut], [1024, true]);
  });
});

describe("what apps do wrong", () => {
  test("bad options are refused by name", () => {
    for (const [options, error] of [
      [null, /^TypeError: options/],
      [{ windowMs: 50 }, /^RangeError: windowMs/],
      [{ windowMs: 150 }, /^RangeError: windowMs/],
      [{ windowMs: "10s" }, /^RangeError: windowMs/],
      [{ windowMs: 1_000_000 }, /^RangeError: windowMs/],
      [{ threshold: 0 }, /^RangeError: threshold/],
      [{ threshold: Number.NaN }, /^RangeError: threshold/],
      [{ cooldownMs: -1 }, /^RangeError: cooldownMs/],
      [{ onHot: "log" }, /^TypeError: onHot/],
      [{ onHott: () => {} }, /^TypeError: onHott: no such option/],
    ] as const) {
      const make = () => new HotKeyMonitor(options as HotKeyMonitorOptions);
      assert.throws(make, (thrown) => error.test(String(thrown)), JSON.stringify(options));
    }
  });

  test("record throws nothing and counts what makes no sense", () => {
    const { monitor } = rig();
    for (const words of [[undefined], [7], ["k", "absorbed"], ["k", "read", 0], ["k", "read", 0.5]]) {
      monitor.record(...(words as unknown as Parameters<HotKeyMonitor["record"]>));
    }
    assert.equal(monitor.metrics().invalid, 5);
    assert.equal(monitor.metrics().accesses, 0);
  });

  test("listeners that throw, at once or later, are counted and harm nothing", async () => {
    const { run, monitor } = rig({
      threshold: 100,
      windowMs: 1000,
      onHot: () => {
        throw new Error("listener");
      },
      onCool: async () => {
        throw new Error("listener");
      },
    });
    run(500, 2000);
    run(1, 6000);
    await settle();
    assert.equal(monitor.metrics().listenerErrors, 2);
  });

  test("a listener may close the monitor", () => {
    const { run, monitor, clock } = rig({ threshold: 100, windowMs: 1000, onHot: () => monitor.close() });
    run(500, 2000);
    assert.equal(clock.waiting, 0);
    assert.deepEqual(monitor.analyze().hotKeys, []);
  });
});

describe("timers", () => {
  test("run only while something is accessed or hot", () => {
    const { clock, monitor, told } = rig({ threshold: 10, windowMs: 1000 });
    assert.equal(clock.waiting, 0);
    monitor.record("k", "read", 100);
    assert.equal(clock.waiting, 1);
    clock.advance(20_000);
    assert.deepEqual(
      told.map((line) => line.split(" ")[0]),
      ["hot", "cool"],
    );
    assert.equal(clock.waiting, 0);
    monitor.record("k");
    assert.equal(clock.waiting, 1);
    monitor.close();
    assert.equal(clock.waiting, 0);
    monitor.record("k");
    assert.equal(clock.waiting, 0);
    assert.deepEqual(monitor.analyze(), { totalAccesses: 0, uniqueKeys: 0, hotKeys: [] });
    monitor.close();
  });
});

test("windows that are no whole number of seconds have shorter panes", () => {
  for (const windowMs of [100, 500, 1500, 2100, 60_000]) {
    const { monitor, told } = rig({ threshold: 100, windowMs });
    for (let i = 0; i < windowMs / 10; i++) monitor.record("k");
    assert.equal(monitor.analyze().hotKeys.length, 1, `${windowMs}`);
    assert.equal(told.length, 1);
  }
});
