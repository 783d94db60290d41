import type { TestContext } from "node:test";
import { gunzipSync } from "node:zlib";
import { type OtlpDefinitions, otlpDefinitions } from "./otlp-definitions.ts";
import { waitFor } from "./wait.ts";
import { type Answer, type ReceivedRequest, startWebhook, type TestWebhook } from "./webhook.ts";

type Attributes = Readonly<Record<string, string>>;

/** A data point; `value` is a number of either kind. */
export interface OtlpPoint {
  readonly attributes: Attributes;
  readonly value: number;
  /** ns since 1970; `null`: not given. */
  readonly startNs: bigint | null;
  readonly atNs: bigint;
  readonly isInteger: boolean;
}

export interface OtlpMetric {
  readonly name: string;
  readonly description: string;
  readonly unit: string;
  readonly type: "sum" | "gauge";
  /** Of a sum: `AGGREGATION_TEMPORALITY_CUMULATIVE`; of a gauge `null`. */
  readonly temporality: string | null;
  readonly isMonotonic: boolean;
  readonly points: readonly OtlpPoint[];
}

/** What one process sent in one request. */
export interface OtlpExport {
  readonly resource: Attributes;
  readonly scope: string;
  readonly metrics: readonly OtlpMetric[];
}

/** A receiver of OTLP/HTTP metrics on the loopback interface that takes nothing but what the definitions allow. */
export class OtlpReceiver {
  readonly exports: OtlpExport[] = [];
  /** Why requests were refused. */
  readonly refusals: string[] = [];
  readonly #definitions: OtlpDefinitions;

  constructor(definitions: OtlpDefinitions) {
    this.#definitions = definitions;
  }

  take(request: ReceivedRequest): Answer {
    try {
      if (request.method !== "POST") throw new Error(`${request.method}, not POST`);
      if (request.path !== "/v1/metrics") throw new Error(`sent to ${request.path}`);
      const isPacked = request.headers["content-encoding"] === "gzip";
      const body = isPacked ? gunzipSync(request.body) : request.body;
      const contentType = request.headers["content-type"] ?? "";
      this.exports.push(...exportsIn(this.#definitions.decode(contentType, body) as Request));
      return { status: 200, headers: { "content-type": contentType }, body: isJson(contentType) ? "{}" : "" };
    } catch (error) {
      this.refusals.push(String(error));
      return { status: 400 };
    }
  }

  /** Names of the processes of a service that have sent something, sorted. */
  instancesOf(service: string): string[] {
    const ofService = this.exports.filter(({ resource }) => resource["service.name"] === service);
    return [...new Set(ofService.map(({ resource }) => resource["service.instance.id"] ?? "none"))].sort();
  }

  /** Waits until an export of a service has a metric of each name; the newest one that has. */
  has(service: string, names: readonly string[], timeoutMs = 60_000): Promise<OtlpExport> {
    return waitFor(
      `${names.join(", ")} of ${service}`,
      () => {
        if (this.refusals.length > 0) throw new Error(`it refused: ${this.refusals.join("; ")}`);
        const has = ({ metrics }: OtlpExport, name: string) => metrics.some((one) => one.name === name);
        const ofService = this.exports.filter(({ resource }) => resource["service.name"] === service);
        const whole = ofService.findLast((one) => names.every((name) => has(one, name)));
        if (whole === undefined) throw new Error(`it sent ${JSON.stringify(ofService.at(-1))}`);
        return whole;
      },
      timeoutMs,
      100,
    );
  }
}

/** Starts one; it ends with the test `t`. `null` where its definitions cannot be had: `t` is skipped then. */
export async function startOtlpReceiver(
  t: TestContext,
): Promise<{ readonly receiver: OtlpReceiver; readonly endpoint: string } | null> {
  const definitions = await otlpDefinitions(t);
  if (definitions === null) return null;
  const receiver = new OtlpReceiver(definitions);
  const server: TestWebhook = await startWebhook(t, (request) => receiver.take(request));
  return { receiver, endpoint: `http://127.0.0.1:${server.port}` };
}

interface Attribute {
  readonly key: string;
  readonly value: { readonly stringValue?: string };
}

interface Point {
  readonly attributes?: readonly Attribute[];
  readonly startTimeUnixNano?: string;
  readonly timeUnixNano: string;
  readonly asInt?: string;
  readonly asDouble?: number;
}

interface Metric {
  readonly name: string;
  readonly description?: string;
  readonly unit?: string;
  readonly sum?: {
    readonly dataPoints: readonly Point[];
    readonly aggregationTemporality: string;
    readonly isMonotonic?: boolean;
  };
  readonly gauge?: { readonly dataPoints: readonly Point[] };
}

interface Request {
  readonly resourceMetrics?: readonly {
    readonly resource: { readonly attributes: readonly Attribute[] };
    readonly scopeMetrics: readonly {
      readonly scope: { readonly name: string };
      readonly metrics: readonly Metric[];
    }[];
  }[];
}

function isJson(contentType: string): boolean {
  return contentType.startsWith("application/json");
}

/** The metrics of all scopes of one name together: counters come from an instrument, gauges from a producer. */
function exportsIn({ resourceMetrics = [] }: Request): OtlpExport[] {
  return resourceMetrics.map(({ resource, scopeMetrics }) => ({
    resource: attributesOf(resource.attributes),
    scope: [...new Set(scopeMetrics.map(({ scope }) => scope.name))].join(" "),
    metrics: scopeMetrics.flatMap(({ metrics }) => metrics.map(metricOf)),
  }));
}

function metricOf({ name, description = "", unit = "", sum, gauge }: Metric): OtlpMetric {
  const data = sum ?? gauge;
  if (data === undefined) throw new Error(`${name} is neither a sum nor a gauge`);
  return {
    name,
    description,
    unit,
    type: sum ? "sum" : "gauge",
    temporality: sum?.aggregationTemporality ?? null,
    isMonotonic: sum?.isMonotonic ?? false,
    points: data.dataPoints.map(pointOf),
  };
}

function pointOf({ attributes = [], startTimeUnixNano, timeUnixNano, asInt, asDouble }: Point): OtlpPoint {
  return {
    attributes: attributesOf(attributes),
    value: Number(asInt ?? asDouble),
    startNs: startTimeUnixNano === undefined ? null : BigInt(startTimeUnixNano),
    atNs: BigInt(timeUnixNano),
    isInteger: asInt !== undefined,
  };
}

function attributesOf(attributes: readonly Attribute[]): Attributes {
  return Object.fromEntries(
    attributes.map(({ key, value }) => {
      if (value.stringValue === undefined) throw new Error(`${key} is no text: ${JSON.stringify(value)}`);
      return [key, value.stringValue];
    }),
  );
}
