import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { pino } from "pino";
import { type Metrics, type MetricsOptions, startMetrics } from "../../../src/metrics/meter.ts";
import { keep } from "../../../src/model/key.ts";
import { silentLogger } from "../../../src/runtime/logger.ts";
import { makeCoverage, makeHeat } from "../http/fake-views.ts";
import { METRICS_CONFIG, makeMetricViews } from "./fake-metric-views.ts";
import { parsePrometheus, type Series } from "./prometheus-text.ts";

/** Counters with reasons that are known before anything was counted. */
const ZERO_FROM_THE_START = new Set(["keyheat_dropped_total", "keyheat_tap_gaps_total"]);

function start(t: TestContext, options: Partial<MetricsOptions> = {}): Metrics {
  const metrics = startMetrics({
    config: METRICS_CONFIG,
    views: makeMetricViews(),
    resource: { "service.name": "keyheat", "service.version": "1.2.3" },
    logger: silentLogger,
    ...options,
  });
  t.after(() => metrics.close());
  return metrics;
}

async function scrape(metrics: Metrics, name?: string): Promise<Series[]> {
  const { series } = parsePrometheus(await metrics.prometheus());
  return name === undefined ? series : series.filter((one) => one.name === name);
}

async function keysOf(metrics: Metrics): Promise<string[]> {
  const series = await scrape(metrics, "keyheat_hotkey_rate");
  return series.filter(({ labels }) => labels.kind === "total").map(({ labels }) => labels.key ?? "");
}

test("every metric of the contract is there, under its name and labels", async (t) => {
  const { series, types } = parsePrometheus(await start(t).prometheus());
  const place = { cluster: "default", target: "127.0.0.1:6379" };
  const key = { cluster: "default", db: "0", key: "user:1" };
  const told = series.filter(({ name, value }) => !(ZERO_FROM_THE_START.has(name) && value === 0));
  assert.deepEqual(
    told
      .filter(({ name }) => !name.startsWith("process_"))
      .map(({ name, labels, value }) => [name, labels, value]),
    [
      ["target_info", { service_name: "keyheat", service_version: "1.2.3" }, 1],
      ["keyheat_received_total", { stage: "panes" }, 10],
      ["keyheat_kept_total", { stage: "panes" }, 7],
      ["keyheat_dropped_total", { stage: "panes", reason: "late" }, 2],
      ["keyheat_dropped_total", { stage: "panes", reason: "no room" }, 1],
      ["keyheat_events_total", { source: "keyspace", ...place, event: "set" }, 100],
      ["keyheat_events_total", { source: "keyspace", ...place, event: "expire" }, 4],
      ["keyheat_tap_gaps_total", { ...place, reason: "disconnected" }, 1],
      ["keyheat_notifications_total", { receiver: "hook", outcome: "delivered" }, 3],
      ["keyheat_coverage_ratio", { ...place, kind: "read" }, 0.5],
      ["keyheat_target_accesses", { ...place, kind: "read" }, 1000],
      ["keyheat_target_seen", place, 1],
      ["keyheat_keys_distinct", place, 42],
      ["keyheat_pane_lag", place, 0.25],
      ["keyheat_incidents_firing", { cluster: "default", rule: "hot-key" }, 1],
      ["keyheat_hotset_leases", { cluster: "default" }, 2],
      ["keyheat_problems", {}, 0],
      ["keyheat_hotkey_rate", { ...key, kind: "read" }, 0],
      ["keyheat_hotkey_rate", { ...key, kind: "write" }, 5012.3],
      ["keyheat_hotkey_rate", { ...key, kind: "miss" }, 0],
      ["keyheat_hotkey_rate", { ...key, kind: "total" }, 5012.3],
    ],
  );
  assert.equal(types.get("keyheat_received_total"), "counter");
  assert.equal(types.get("keyheat_hotkey_rate"), "gauge");
});

test("drops and gaps are there at 0 before the first, so that Prometheus sees it", async (t) => {
  const books = { stage: "transport", received: 1, kept: 1, dropped: { "backlog-full": 3 } };
  const metrics = start(t, { views: makeMetricViews({ books: () => [books] }) });
  const reasonsOf = async (name: string) =>
    (await scrape(metrics, name)).map(({ labels, value }) => [labels.reason, value]);
  assert.deepEqual(await reasonsOf("keyheat_dropped_total"), [
    ["backlog-full", 3],
    ["closed", 0],
    ["too-large", 0],
    ["unencodable", 0],
  ]);
  const gaps = await reasonsOf("keyheat_tap_gaps_total");
  assert.deepEqual(
    gaps.filter(([reason]) => ["paused", "refused", "disconnected"].includes(`${reason}`)),
    [
      ["paused", 0],
      ["refused", 0],
      ["disconnected", 1],
    ],
  );
});

test("the process tells what it uses, under the usual names", async (t) => {
  const { series, types } = parsePrometheus(await start(t).prometheus());
  const numberOf = (name: string) => series.find((one) => one.name === name)?.value ?? Number.NaN;
  assert.equal(types.get("process_cpu_seconds_total"), "counter");
  assert.ok(numberOf("process_cpu_seconds_total") > 0);
  assert.ok(numberOf("process_resident_memory_bytes") > 2 ** 20);
  assert.ok(Math.abs(numberOf("process_start_time_seconds") * 1000 - performance.timeOrigin) < 1000);
});

test("a target that is stale or blind has a 0", async (t) => {
  for (const state of ["stale", "blind"] as const) {
    const metrics = start(t, { views: makeMetricViews({ coverage: () => [makeCoverage({ state })] }) });
    assert.deepEqual(
      (await scrape(metrics, "keyheat_target_seen")).map(({ value }) => value),
      [0],
    );
  }
});

test("the writes that a replica repeats are no accesses, and nothing that could be seen", async (t) => {
  const read = { ran: 1000, observed: 0, ratio: 0, vantage: null } as const;
  const repeated = { ...read, ran: null, ratio: null };
  const kindsAt = async (role: "primary" | "replica") => {
    const write = role === "primary" ? read : repeated;
    const coverage = () => [makeCoverage({ role, kinds: { read, write } })];
    const metrics = start(t, { views: makeMetricViews({ coverage }) });
    const series = await scrape(metrics);
    const ofKinds = ({ name }: Series) => /^keyheat_(coverage_ratio|target_accesses)$/.test(name);
    return series.filter(ofKinds).map(({ labels }) => labels.kind);
  };
  assert.deepEqual(await kindsAt("primary"), ["read", "write", "read", "write"]);
  assert.deepEqual(await kindsAt("replica"), ["read", "read"]);
});

test("what cooled, was resolved or went away is gone at the next scrape, and what is new is there", async (t) => {
  let keys = ["a", "b"];
  let isThere = true;
  const metrics = start(t, {
    views: makeMetricViews({
      hotkeys: () => keys.map((key) => makeHeat({ key })),
      firing: () => (isThere ? [{ cluster: "default", rule: "hot-key", count: 2 }] : []),
      coverage: () => (isThere ? [makeCoverage()] : []),
    }),
  });
  assert.deepEqual(await keysOf(metrics), ["a", "b"]);
  keys = ["c"];
  isThere = false;
  assert.deepEqual(await keysOf(metrics), ["c"]);
  assert.deepEqual(await scrape(metrics, "keyheat_incidents_firing"), []);
  assert.deepEqual(await scrape(metrics, "keyheat_coverage_ratio"), []);
});

test("new hot keys are never crowded out, however many came before", async (t) => {
  let round = 0;
  const metrics = start(t, {
    views: makeMetricViews({
      hotkeys: (limit) => Array.from({ length: limit }, (_, index) => makeHeat({ key: `${round}-${index}` })),
    }),
    config: { ...METRICS_CONFIG, keys: 500 },
  });
  for (; round < 10; round++) {
    const keys = await keysOf(metrics);
    assert.equal(keys.length, 500);
    assert.ok(keys.every((key) => key.startsWith(`${round}-`)));
  }
  assert.doesNotMatch(await metrics.prometheus(), /overflow/);
});

test("with ranks in place of keys no key leaves the process", async (t) => {
  const metrics = start(t, {
    config: { ...METRICS_CONFIG, keyLabel: "rank" },
    views: makeMetricViews({
      hotkeys: () => ["shop", "default", "shop"].map((cluster) => makeHeat({ key: "secret", cluster })),
    }),
  });
  const series = await scrape(metrics, "keyheat_hotkey_rate");
  assert.deepEqual(
    series.filter(({ labels }) => labels.kind === "total").map(({ labels }) => [labels.cluster, labels.rank]),
    [
      ["shop", "1"],
      ["default", "1"],
      ["shop", "2"],
    ],
  );
  assert.doesNotMatch(await metrics.prometheus(), /secret/);
});

test("with no keys wanted there are no series of keys", async (t) => {
  const metrics = start(t, { config: { ...METRICS_CONFIG, keys: 0 } });
  assert.deepEqual(await scrape(metrics, "keyheat_hotkey_rate"), []);
});

test("keys of any bytes are one bounded, unique, well-formed label each", async (t) => {
  const long = (last: number) => Buffer.concat([Buffer.alloc(100_000, "k"), Buffer.from([last])]);
  const keys = [
    Buffer.from(""),
    Buffer.from('quote" back\\slash'),
    Buffer.from("line\nbreak"),
    Buffer.from("line\\nbreak"),
    Buffer.from([0xff, 0x00, 0x7f]),
    Buffer.from("\u{1f525}".repeat(200)),
    Buffer.from(`x${"\u{1f525}".repeat(200)}`),
    keep(long(1)),
    keep(long(2)),
  ];
  const heats = keys.map((key) => makeHeat({ key }));
  const metrics = start(t, { views: makeMetricViews({ hotkeys: () => heats }) });
  const labels = await keysOf(metrics);
  assert.equal(new Set(labels).size, keys.length);
  for (const label of labels) {
    assert.ok(label.length <= 130, label);
    assert.ok(label.isWellFormed(), label);
    assert.match(label, /^[^\p{Cc}]*$/u);
  }
});

test("other labels are bounded and printable, too", async (t) => {
  const reason = `odd\n"${"x".repeat(500)}`;
  const metrics = start(t, {
    views: makeMetricViews({
      books: () => [{ stage: "panes", received: 1, kept: 0, dropped: { [reason]: 1 } }],
    }),
  });
  const dropped = (await scrape(metrics, "keyheat_dropped_total")).find(({ value }) => value === 1);
  assert.match(dropped?.labels.reason ?? "", /^odd\\n"x{50,120}~[0-9a-f]{8}$/);
});

test("books of one stage in several pieces are added", async (t) => {
  const books = { stage: "panes", received: 5, kept: 4, dropped: { late: 1 } };
  const metrics = start(t, { views: makeMetricViews({ books: () => [books, books] }) });
  assert.equal((await scrape(metrics, "keyheat_received_total"))[0]?.value, 10);
  const late = (await scrape(metrics, "keyheat_dropped_total")).find(
    ({ labels }) => labels.reason === "late",
  );
  assert.equal(late?.value, 2);
});

test("a view that fails costs its own metrics only, and is logged once", async (t) => {
  const lines: string[] = [];
  const metrics = start(t, {
    logger: pino({}, { write: (line: string) => lines.push(line) }),
    views: makeMetricViews({
      coverage: () => {
        throw new Error("broken view");
      },
      taps: () => {
        throw new Error("broken view");
      },
    }),
  });
  for (let i = 0; i < 2; i++) {
    const names = new Set((await scrape(metrics)).map(({ name }) => name));
    assert.ok(names.has("keyheat_hotkey_rate") && names.has("keyheat_received_total"));
    assert.ok(!names.has("keyheat_coverage_ratio") && !names.has("keyheat_events_total"));
  }
  assert.equal(lines.length, 1);
});

test("scrapes at the same time share one collection", async (t) => {
  let collections = 0;
  const metrics = start(t, {
    views: makeMetricViews({
      hotkeys: () => {
        collections++;
        return [];
      },
    }),
  });
  await Promise.all(Array.from({ length: 20 }, () => metrics.prometheus()));
  assert.equal(collections, 1);
  await metrics.prometheus();
  assert.equal(collections, 2);
});
