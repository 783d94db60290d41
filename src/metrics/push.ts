import {
  AggregationTemporalityPreference,
  OTLPMetricExporter,
} from "@opentelemetry/exporter-metrics-otlp-http";
import {
  type MetricProducer,
  PeriodicExportingMetricReader,
  type PushMetricExporter,
} from "@opentelemetry/sdk-metrics";
import type { Logger } from "../runtime/logger.ts";

export interface PushOptions {
  /** Base URL of the collector. */
  readonly endpoint: string;
  readonly intervalMs: number;
  readonly producers: MetricProducer[];
  readonly logger: Logger;
}

const TIMEOUT_MS = 5_000;

/** Pushes to a collector at every interval. What fails is not kept: the next push has the newer numbers. */
export function createPushReader({ endpoint, intervalMs, producers, logger }: PushOptions) {
  const timeoutMs = Math.min(TIMEOUT_MS, intervalMs);
  const exporter = new OTLPMetricExporter({
    url: metricsUrl(endpoint),
    timeoutMillis: timeoutMs,
    concurrencyLimit: 2,
    temporalityPreference: AggregationTemporalityPreference.CUMULATIVE,
  });
  return new PeriodicExportingMetricReader({
    exporter: watched(exporter, new URL(endpoint).host, logger),
    exportIntervalMillis: intervalMs,
    exportTimeoutMillis: timeoutMs,
    metricProducers: producers,
  });
}

function metricsUrl(endpoint: string): string {
  const base = endpoint.replace(/\/+$/, "");
  return base.endsWith("/v1/metrics") ? base : `${base}/v1/metrics`;
}

/** The same exporter, which says when the collector goes away and when it is back. */
function watched(exporter: OTLPMetricExporter, collector: string, logger: Logger): PushMetricExporter {
  let isAway = false;
  const note = (error: Error | undefined) => {
    if (error && !isAway) logger.warn({ collector, err: error }, "collector does not take metrics");
    if (!error && isAway) logger.info({ collector }, "collector takes metrics again");
    isAway = error !== undefined;
  };
  return {
    export: (metrics, done) =>
      exporter.export(metrics, (result) => {
        note(result.error);
        done(result);
      }),
    forceFlush: () => exporter.forceFlush(),
    shutdown: () => exporter.shutdown(),
    selectAggregationTemporality: (type) => exporter.selectAggregationTemporality(type),
    selectAggregation: (type) => exporter.selectAggregation(type),
  };
}
