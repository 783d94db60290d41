import { type Attributes, type HrTime, ValueType } from "@opentelemetry/api";
import { emptyResource } from "@opentelemetry/resources";
import {
  AggregationTemporality,
  type CollectionResult,
  DataPointType,
  type GaugeMetricData,
  type MetricProducer,
} from "@opentelemetry/sdk-metrics";
import { HEAT_KINDS } from "../model/access.ts";
import type { KindCoverage, TargetCoverage } from "../model/coverage.ts";
import { ratePerSecond } from "../model/heat.ts";
import { KeyLabels, label } from "./labels.ts";
import type { MetricViews } from "./views.ts";

export interface GaugeOptions {
  /** How many keys have series. */
  readonly keys: number;
  readonly keyLabel: "key" | "rank";
  /** Name of the instrumentation scope. */
  readonly scope: string;
  /** Wall clock, ms since 1970. */
  readonly now: () => number;
}

interface Value {
  readonly attributes: Attributes;
  readonly value: number;
}

interface Gauge {
  readonly name: string;
  readonly description: string;
  readonly unit: string;
  readonly read: () => readonly Value[];
}

/**
 * What comes and goes: hot keys, targets, firing rules. Each collection has exactly those of now.
 *
 * An observable instrument would not do: it exports what it once saw for ever, and the first labels own its
 * cardinality, so that a cooled key would stay hot and a new one be lost.
 */
export class GaugeProducer implements MetricProducer {
  readonly #gauges: readonly Gauge[];
  readonly #options: GaugeOptions;

  constructor(views: MetricViews, options: GaugeOptions) {
    this.#options = options;
    this.#gauges = [
      ...targetGauges(views),
      firingGauge(views),
      leasesGauge(views),
      problemsGauge(views),
      hotKeyGauge(views, options),
    ];
  }

  async collect(): Promise<CollectionResult> {
    const time = hrTimeOf(this.#options.now());
    const errors: unknown[] = [];
    const metrics: GaugeMetricData[] = [];
    for (const gauge of this.#gauges) {
      try {
        const values = distinct(gauge.read());
        if (values.length > 0) metrics.push(metricOf(gauge, values, time));
      } catch (error) {
        errors.push(error);
      }
    }
    const scope = { name: this.#options.scope };
    return { resourceMetrics: { resource: emptyResource(), scopeMetrics: [{ scope, metrics }] }, errors };
  }
}

/** Two numbers of the same labels would make Prometheus refuse both: the larger one stays. */
function distinct(values: readonly Value[]): Value[] {
  const byLabels = new Map<string, Value>();
  for (const value of values) {
    const id = JSON.stringify(value.attributes);
    const other = byLabels.get(id);
    if (!other || other.value < value.value) byLabels.set(id, value);
  }
  return [...byLabels.values()];
}

function metricOf({ name, description, unit }: Gauge, values: readonly Value[], time: HrTime) {
  return {
    descriptor: { name, description, unit, valueType: ValueType.DOUBLE },
    aggregationTemporality: AggregationTemporality.CUMULATIVE,
    dataPointType: DataPointType.GAUGE,
    dataPoints: values.map(({ attributes, value }) => ({
      startTime: time,
      endTime: time,
      attributes,
      value,
    })),
  } as const satisfies GaugeMetricData;
}

function hrTimeOf(atMs: number): HrTime {
  return [Math.floor(atMs / 1000), Math.round((atMs % 1000) * 1e6)];
}

function hotKeyGauge(views: MetricViews, options: GaugeOptions): Gauge {
  return {
    name: "keyheat.hotkey.rate",
    description: "Accesses a second of the hottest keys, by kind; total = read + write.",
    unit: "{access}/s",
    read: () => hotKeyValues(views, options),
  };
}

function hotKeyValues(views: MetricViews, { keys, keyLabel }: GaugeOptions): Value[] {
  if (keys === 0) return [];
  const labels = new KeyLabels();
  const ranks = new Map<string, number>();
  return views
    .hotkeys(keys)
    .slice(0, keys)
    .flatMap(({ key, counts, windowMs }) => {
      const rank = (ranks.get(key.cluster) ?? 0) + 1;
      ranks.set(key.cluster, rank);
      const named = keyLabel === "key" ? { key: labels.labelOf(key) } : { rank: `${rank}` };
      const attributes = { cluster: label(key.cluster), db: `${key.db}`, ...named };
      return HEAT_KINDS.map((kind) => ({
        attributes: { ...attributes, kind },
        value: ratePerSecond(counts[kind].estimate, windowMs),
      }));
    });
}

function firingGauge(views: MetricViews): Gauge {
  return {
    name: "keyheat.incidents.firing",
    description: "Incidents that fire now.",
    unit: "{incident}",
    read: () =>
      views.firing().map(({ cluster, rule, count }) => ({
        attributes: { cluster: label(cluster), rule: label(rule) },
        value: count,
      })),
  };
}

function leasesGauge(views: MetricViews): Gauge {
  return {
    name: "keyheat.hotset.leases",
    description: "Keys that clients may cool now.",
    unit: "{key}",
    read: () =>
      views.leases().map(({ cluster, count }) => ({ attributes: { cluster: label(cluster) }, value: count })),
  };
}

function problemsGauge(views: MetricViews): Gauge {
  return {
    name: "keyheat.problems",
    description: "What is missing just now: lines of /readyz.",
    unit: "{problem}",
    read: () => [{ attributes: {}, value: views.problems() }],
  };
}

function targetGauges(views: MetricViews): Gauge[] {
  const perTap = (read: "distinctKeys" | "paneLagSeconds") => () =>
    views.taps().flatMap((tap) => {
      const value = tap[read];
      return value === null ? [] : [{ attributes: placeOf(tap), value }];
    });
  return [
    {
      name: "keyheat.coverage.ratio",
      description: "Accesses observed / accesses that the server says it ran, over the last minute.",
      unit: "1",
      read: () => views.coverage().flatMap((covered) => byKind(covered, ({ ratio }) => ratio)),
    },
    {
      name: "keyheat.target.accesses",
      description: "Accesses that the server says it ran, in the last minute.",
      unit: "{access}",
      read: () => views.coverage().flatMap((covered) => byKind(covered, ({ ran }) => ran)),
    },
    {
      name: "keyheat.target.seen",
      description:
        "Whether the target is watched, and was heard of in the last 2 s (1), or is stale or blind (0).",
      unit: "{target}",
      read: () =>
        views.coverage().map((covered) => ({
          attributes: placeOf(covered),
          value: covered.state === "seen" ? 1 : 0,
        })),
    },
    {
      name: "keyheat.keys.distinct",
      description: "Distinct keys seen at a target (estimate).",
      unit: "{key}",
      read: perTap("distinctKeys"),
    },
    {
      name: "keyheat.pane.lag",
      description: "How long after its end the last pane was published.",
      unit: "s",
      read: perTap("paneLagSeconds"),
    },
  ];
}

/** A value for each kind of which it is known. */
function byKind(covered: TargetCoverage, numberOf: (kind: KindCoverage) => number | null): Value[] {
  return (["read", "write"] as const).flatMap((kind) => {
    const value = numberOf(covered.kinds[kind]);
    return value === null ? [] : [{ attributes: placeOf(covered, { kind }), value }];
  });
}

/** The cluster comes last: who picks series by the labels of before, in their order, still finds them. */
function placeOf(
  { cluster, target }: { readonly cluster: string; readonly target: string },
  more: Attributes = {},
): Attributes {
  return { target: label(target), ...more, cluster: label(cluster) };
}
