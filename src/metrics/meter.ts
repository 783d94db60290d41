import { resourceFromAttributes } from "@opentelemetry/resources";
import { MeterProvider } from "@opentelemetry/sdk-metrics";
import type { Config } from "../config/schema.ts";
import type { Logger } from "../runtime/logger.ts";
import { addCounters } from "./counters.ts";
import { GaugeProducer } from "./gauge-producer.ts";
import { addProcess } from "./process.ts";
import { createPushReader } from "./push.ts";
import { ScrapeReader } from "./scrape-reader.ts";
import type { MetricViews } from "./views.ts";

export interface MetricsOptions {
  readonly config: Config["metrics"];
  readonly views: MetricViews;
  /** Resource attributes, such as `service.name` and `service.version`. */
  readonly resource: Readonly<Record<string, string>>;
  readonly logger: Logger;
  /** Wall clock, ms since 1970. */
  readonly now?: () => number;
  readonly pushIntervalMs?: number;
  /** How long `close` waits for the last push. */
  readonly closeTimeoutMs?: number;
}

export interface Metrics {
  /** Prometheus text format, fresh. */
  prometheus(): Promise<string>;
  /** Pushes once more where a collector is configured; comes back in time even if it is away. Never throws. */
  close(): Promise<void>;
}

const SCOPE = "keyheat";
/** Series of one counter; what is beyond melts into one. A thousand targets have some 30 events each. */
const SERIES_MAX = 40_000;

/** Keyheat's own metrics: collected by Prometheus, and pushed by OTLP where `config.otlp` says so. */
export function startMetrics(options: MetricsOptions): Metrics {
  const { config, views, resource, logger } = options;
  const { now = Date.now, pushIntervalMs = 10_000, closeTimeoutMs = 1_500 } = options;
  const producer = new GaugeProducer(views, { ...config, scope: SCOPE, now });
  const scraped = new ScrapeReader([producer]);
  const pushed = config.otlp
    ? [
        createPushReader({
          endpoint: config.otlp.endpoint,
          intervalMs: pushIntervalMs,
          producers: [producer],
          logger,
        }),
      ]
    : [];
  const provider = new MeterProvider({
    resource: resourceFromAttributes(resource),
    readers: [scraped, ...pushed],
    views: [{ instrumentName: "keyheat.*", aggregationCardinalityLimit: SERIES_MAX }],
  });
  const meter = provider.getMeter(SCOPE);
  addCounters(meter, views);
  addProcess(meter);
  let isFailing = false;
  return {
    async prometheus() {
      const { text, errors } = await scraped.scrape();
      if (errors.length > 0 && !isFailing) logger.error({ err: errors[0] }, "some metrics cannot be read");
      isFailing = errors.length > 0;
      return text;
    },
    async close() {
      try {
        await provider.shutdown({ timeoutMillis: closeTimeoutMs });
      } catch (error) {
        logger.warn({ err: error }, "last metrics not pushed");
      }
    },
  };
}
