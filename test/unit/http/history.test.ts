import assert from "node:assert/strict";
import { test } from "node:test";
import { History } from "../../../src/http/history.ts";
import { keep } from "../../../src/model/key.ts";
import { redactedKey } from "../../../src/model/redacted-key.ts";
import { AS_OF_MS, makeHeat } from "./fake-views.ts";

interface Point {
  readonly at: string;
  readonly keys: readonly {
    readonly key: string;
    readonly cluster: string;
    readonly ratePerSecond: number;
  }[];
}

function pointsOf(history: History, query: Partial<Parameters<History["json"]>[0]> = {}): readonly Point[] {
  const body = history.json({ fromMs: 0, toMs: Number.MAX_SAFE_INTEGER, limit: 1000, ...query });
  return (body as { points: Point[] }).points;
}

test("a key's rate is the mean over the minute's samples, and 0 where it was not among the hottest", () => {
  const history = new History();
  history.record("default", [makeHeat({ writes: 20_000, currentRatePerSecond: 9000 })], AS_OF_MS + 1000);
  history.record("default", [makeHeat({ writes: 40_000, currentRatePerSecond: 1000 })], AS_OF_MS + 2000);
  history.record(
    "default",
    [makeHeat({ key: "other", writes: 60_000, currentRatePerSecond: 0 })],
    AS_OF_MS + 3000,
  );
  history.record("default", [], AS_OF_MS + 4000);
  assert.deepEqual(pointsOf(history)[0]?.keys, [
    {
      cluster: "default",
      db: 0,
      key: "user:1",
      keyEncoding: "utf8",
      ratePerSecond: 1500,
      peakRatePerSecond: 9000,
    },
    {
      cluster: "default",
      db: 0,
      key: "other",
      keyEncoding: "utf8",
      ratePerSecond: 1500,
      peakRatePerSecond: 6000,
    },
  ]);
});

test("the same window twice counts once", () => {
  const history = new History();
  for (const writes of [10_000, 50_000]) history.record("default", [makeHeat({ writes })], AS_OF_MS + 1000);
  history.record("default", [], 0);
  assert.deepEqual(
    pointsOf(history).map(({ keys }) => keys.map(({ ratePerSecond }) => ratePerSecond)),
    [[1000]],
  );
});

test("clusters have samples of their own", () => {
  const history = new History();
  for (const second of [1, 2]) {
    history.record("default", [makeHeat({ writes: 10_000 })], AS_OF_MS + second * 1000);
  }
  history.record("shop", [makeHeat({ cluster: "shop", writes: 30_000 })], AS_OF_MS + 1000);
  assert.deepEqual(
    pointsOf(history)[0]?.keys.map(({ cluster, ratePerSecond }) => [cluster, ratePerSecond]),
    [
      ["shop", 3000],
      ["default", 1000],
    ],
  );
});

test("minutes are found by time, and the key's bytes are copies", () => {
  const history = new History();
  const bytes = Buffer.from("a");
  history.record("default", [makeHeat({ key: bytes })], AS_OF_MS + 60_000);
  bytes[0] = 0x62;
  history.record("default", [makeHeat({ key: bytes })], AS_OF_MS + 60_001);
  const shown = (query: Parameters<typeof pointsOf>[1]) =>
    pointsOf(history, query).map(({ at, keys }) => [at, keys[0]?.key]);
  const first = ["2026-11-23T17:00:00.000Z", "a"];
  const second = ["2026-11-23T17:01:00.000Z", "b"];
  assert.deepEqual(shown({}), [first, second]);
  assert.deepEqual(shown({ fromMs: AS_OF_MS + 59_999 }), [first, second]);
  assert.deepEqual(shown({ fromMs: AS_OF_MS + 60_000 }), [second]);
  assert.deepEqual(shown({ toMs: AS_OF_MS + 59_999 }), [first]);
});

test("a long key is found by all of it and by what is shown of it", () => {
  const history = new History();
  const long = Buffer.alloc(3000, "k");
  history.record("default", [makeHeat({ key: keep(long) }), makeHeat({ key: "k" })], AS_OF_MS + 1);
  for (const key of [long, long.subarray(0, 1024)]) {
    assert.deepEqual(
      pointsOf(history, { key })[0]?.keys.map(({ key }) => key.length),
      [1024],
    );
  }
  assert.deepEqual(pointsOf(history, { key: long.subarray(0, 2000) })[0]?.keys, []);
});

test("a redacted key is found by what is shown of it", () => {
  const history = new History();
  const [one, other] = [1, 2].map((digit) => {
    return redactedKey({ slot: 0, identity: new Uint8Array(8).fill(digit), label: "user:{n}" });
  }) as [Uint8Array, Uint8Array];
  history.record("default", [makeHeat({ key: one }), makeHeat({ key: other })], AS_OF_MS + 1);
  const found = (key: string) => pointsOf(history, { key: Buffer.from(key) })[0]?.keys.map(({ key }) => key);
  assert.deepEqual(found("user:{n}~02020202"), ["user:{n}~02020202"]);
  assert.deepEqual(found("user:{n}"), []);
});

test("memory stays within its limit, the oldest minutes go first", () => {
  const history = new History({ bytesMax: 10_000, keysPerPoint: 10 });
  for (let minute = 1; minute <= 100; minute++) {
    const heats = Array.from({ length: 30 }, (_, index) => makeHeat({ key: `key-${index}` }));
    history.record("default", heats, AS_OF_MS + minute * 60_000);
    assert.ok(history.bytes <= 10_000);
  }
  const points = pointsOf(history);
  assert.equal(points.length, 5);
  assert.equal(points.at(-1)?.at, new Date(AS_OF_MS + 99 * 60_000).toISOString());
  assert.ok(points.every(({ keys }) => keys.length === 10));
});

test("a minute of ever new keys keeps the hottest", () => {
  const history = new History({ keysPerPoint: 10 });
  for (let second = 0; second < 60; second++) {
    const strangers = Array.from({ length: 9 }, (_, index) =>
      makeHeat({ key: `${second}-${index}`, writes: 1000 }),
    );
    history.record(
      "default",
      [makeHeat({ key: "steady", writes: 500 }), ...strangers],
      AS_OF_MS + 1 + second * 1000,
    );
  }
  const steady = pointsOf(history)[0]?.keys.find(({ key }) => key === "steady");
  assert.equal(steady?.ratePerSecond, 50);
});
