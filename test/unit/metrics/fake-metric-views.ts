import type { MetricsOptions } from "../../../src/metrics/meter.ts";
import type { MetricViews } from "../../../src/metrics/views.ts";
import { makeCoverage, makeHeat } from "../http/fake-views.ts";

export function makeMetricViews(overrides: Partial<MetricViews> = {}): MetricViews {
  return {
    books: () => [{ stage: "panes", received: 10, kept: 7, dropped: { late: 2, "no room": 1 } }],
    hotkeys: () => [makeHeat()],
    firing: () => [{ cluster: "default", rule: "hot-key", count: 1 }],
    coverage: () => [makeCoverage()],
    notifications: () => [{ receiver: "hook", outcome: "delivered", count: 3 }],
    leases: () => [{ cluster: "default", count: 2 }],
    taps: () => [
      {
        source: "keyspace",
        cluster: "default",
        target: "127.0.0.1:6379",
        gaps: { disconnected: 1 },
        events: { set: 100, expire: 4 },
        distinctKeys: 42,
        paneLagSeconds: 0.25,
      },
    ],
    problems: () => 0,
    ...overrides,
  };
}

export const METRICS_CONFIG: MetricsOptions["config"] = {
  prometheus: { enabled: true },
  keys: 50,
  keyLabel: "key",
};
