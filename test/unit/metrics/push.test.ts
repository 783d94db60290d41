import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { pino } from "pino";
import { type MetricsOptions, startMetrics } from "../../../src/metrics/meter.ts";
import { silentLogger } from "../../../src/runtime/logger.ts";
import { waitFor } from "../../support/wait.ts";
import { type ReceivedRequest, startWebhook, type TestWebhook } from "../../support/webhook.ts";
import { makeHeat } from "../http/fake-views.ts";
import { METRICS_CONFIG, makeMetricViews } from "./fake-metric-views.ts";

const OK = { status: 200, headers: { "content-type": "application/json" }, body: "{}" };

function start(t: TestContext, collector: TestWebhook, options: Partial<MetricsOptions> = {}) {
  const metrics = startMetrics({
    config: { ...METRICS_CONFIG, otlp: { endpoint: `http://127.0.0.1:${collector.port}/` } },
    views: makeMetricViews(),
    resource: { "service.name": "keyheat" },
    logger: silentLogger,
    pushIntervalMs: 50,
    closeTimeoutMs: 300,
    ...options,
  });
  t.after(() => metrics.close());
  return metrics;
}

interface Exported {
  readonly resourceMetrics: readonly {
    readonly resource: { readonly attributes: readonly unknown[] };
    readonly scopeMetrics: readonly { readonly metrics: readonly ExportedMetric[] }[];
  }[];
}

interface ExportedMetric {
  readonly name: string;
  readonly unit: string;
  readonly sum?: { readonly isMonotonic: boolean; readonly aggregationTemporality: number };
  readonly gauge?: {
    readonly dataPoints: readonly {
      readonly attributes: readonly {
        readonly key: string;
        readonly value: { readonly stringValue: string };
      }[];
    }[];
  };
}

function metricsIn(request: ReceivedRequest | undefined): ExportedMetric[] {
  assert.ok(request);
  const { resourceMetrics } = request.json() as Exported;
  return resourceMetrics.flatMap(({ scopeMetrics }) => scopeMetrics.flatMap(({ metrics }) => metrics));
}

function keysIn(request: ReceivedRequest | undefined): Set<string | undefined> {
  const rates = metricsIn(request).find(({ name }) => name === "keyheat.hotkey.rate");
  const points = rates?.gauge?.dataPoints ?? [];
  return new Set(
    points.map(({ attributes }) => attributes.find(({ key }) => key === "key")?.value.stringValue),
  );
}

test("a collector gets every metric at each interval, with units and the hot keys of then", async (t) => {
  const collector = await startWebhook(t, () => OK);
  let key = "first";
  start(t, collector, { views: makeMetricViews({ hotkeys: () => [makeHeat({ key })] }) });
  const [request] = await collector.received(1);
  assert.deepEqual([request?.method, request?.path], ["POST", "/v1/metrics"]);
  assert.match(`${request?.headers["content-type"]}`, /^application\/json/);
  assert.deepEqual(
    new Map(metricsIn(request).map(({ name, unit }) => [name, unit])),
    new Map([
      ["keyheat.received", "{item}"],
      ["keyheat.kept", "{item}"],
      ["keyheat.dropped", "{item}"],
      ["keyheat.events", "{event}"],
      ["keyheat.tap.gaps", "{gap}"],
      ["keyheat.notifications", "{notification}"],
      ["process_cpu_seconds", "s"],
      ["process_resident_memory_bytes", "By"],
      ["process_start_time_seconds", "s"],
      ["keyheat.coverage.ratio", "1"],
      ["keyheat.target.accesses", "{access}"],
      ["keyheat.target.seen", "{target}"],
      ["keyheat.keys.distinct", "{key}"],
      ["keyheat.pane.lag", "s"],
      ["keyheat.incidents.firing", "{incident}"],
      ["keyheat.hotset.leases", "{key}"],
      ["keyheat.problems", "{problem}"],
      ["keyheat.hotkey.rate", "{access}/s"],
    ]),
  );
  const events = metricsIn(request).find(({ name }) => name === "keyheat.events");
  assert.equal(events?.sum?.isMonotonic, true);
  assert.deepEqual(keysIn(request), new Set(["first"]));
  key = "second";
  await waitFor("the second key alone", () => {
    const keys = keysIn(collector.requests.at(-1));
    return keys.size === 1 && keys.has("second");
  });
});

test("a collector that is away is logged once as it goes and once as it comes back", async (t) => {
  const lines: string[] = [];
  const logger = pino({ level: "info" }, { write: (line: string) => lines.push(JSON.parse(line).msg) });
  const collector = await startWebhook(t, () => OK);
  await collector.refuse();
  let collections = 0;
  const views = makeMetricViews({
    hotkeys: () => {
      collections++;
      return [];
    },
  });
  const metrics = start(t, collector, { logger, views });
  await waitFor("a push or two after the first line", () => lines.length > 0 && collections > 4);
  assert.match(await metrics.prometheus(), /keyheat_events_total/);
  await collector.listen();
  await waitFor("the second line", () => lines.length > 1);
  assert.deepEqual(lines, ["collector does not take metrics", "collector takes metrics again"]);
});

test("a collector that refuses is logged once, too", async (t) => {
  const lines: string[] = [];
  const logger = pino({ level: "info" }, { write: (line: string) => lines.push(JSON.parse(line).msg) });
  const collector = await startWebhook(t, () => ({ status: 400 }));
  start(t, collector, { logger });
  await collector.received(4);
  assert.deepEqual(lines, ["collector does not take metrics"]);
});

test("closing pushes what there is", async (t) => {
  const collector = await startWebhook(t, () => OK);
  const metrics = start(t, collector, { pushIntervalMs: 60_000, closeTimeoutMs: 10_000 });
  await metrics.close();
  assert.equal(collector.requests.length, 1);
  assert.deepEqual(keysIn(collector.requests[0]), new Set(["user:1"]));
});

test("closing does not wait for a collector that hangs", async (t) => {
  const collector = await startWebhook(t, () => "hang");
  const metrics = start(t, collector, { pushIntervalMs: 60_000 });
  const startMs = performance.now();
  await metrics.close();
  assert.ok(performance.now() - startMs < 2000);
});
