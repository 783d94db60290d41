import { PrometheusSerializer } from "@opentelemetry/exporter-prometheus";
import { MetricReader, type MetricReaderOptions } from "@opentelemetry/sdk-metrics";

export interface Scrape {
  /** Prometheus text format 0.0.4. */
  readonly text: string;
  /** What could not be read; the rest is in the text. */
  readonly errors: readonly unknown[];
}

const WITHOUT_TARGET_INFO = false;
/** All is of one scope: as a label it would only lengthen every line. */
const WITHOUT_SCOPE = true;

/** Collects when it is asked, for a server of our own. */
export class ScrapeReader extends MetricReader {
  readonly #serializer = new PrometheusSerializer("", false, undefined, WITHOUT_TARGET_INFO, WITHOUT_SCOPE);
  #running: Promise<Scrape> | null = null;

  constructor(metricProducers: NonNullable<MetricReaderOptions["metricProducers"]>) {
    super({ metricProducers });
  }

  /** Callers that come while a collection runs share it. */
  scrape(): Promise<Scrape> {
    this.#running ??= this.#scrape().finally(() => {
      this.#running = null;
    });
    return this.#running;
  }

  async #scrape(): Promise<Scrape> {
    const { resourceMetrics, errors } = await this.collect();
    const text = this.#serializer.serialize(resourceMetrics);
    return { text: text.endsWith("\n") ? text : `${text}\n`, errors };
  }

  protected override async onForceFlush(): Promise<void> {}

  protected override async onShutdown(): Promise<void> {}
}
