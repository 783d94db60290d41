import assert from "node:assert/strict";
import { hostname } from "node:os";
import { type TestContext, test } from "node:test";
import { packageVersion } from "../../src/runtime/version.ts";
import { Fleet } from "../support/fleet.ts";
import { sharedKafka } from "../support/kafka.ts";
import { startKeyheat } from "../support/keyheat.ts";
import { startOtelCollector } from "../support/otel-collector.ts";
import { type OtlpExport, type OtlpMetric, startOtlpReceiver } from "../support/otlp-receiver.ts";
import { command, freePort, startRedis } from "../support/redis.ts";
import { startLoad } from "../support/steady-load.ts";
import { waitFor } from "../support/wait.ts";

const kafka = sharedKafka();

const PER_SECOND = 400;
const HOT = "product:4711:stock";

interface Promised {
  readonly type: "sum" | "gauge";
  readonly unit: string;
  readonly attributes: readonly string[];
}

const counter = (unit: string, ...attributes: string[]): Promised => ({ type: "sum", unit, attributes });
const gauge = (unit: string, ...attributes: string[]): Promised => ({ type: "gauge", unit, attributes });

/** What users build dashboards and alerts on, as it was promised: name, type, unit and attributes of each metric. */
const PROMISED: Readonly<Record<string, Promised>> = {
  "keyheat.events": counter("{event}", "cluster", "event", "source", "target"),
  "keyheat.tap.gaps": counter("{gap}", "cluster", "reason", "target"),
  "keyheat.received": counter("{item}", "stage"),
  "keyheat.kept": counter("{item}", "stage"),
  "keyheat.dropped": counter("{item}", "reason", "stage"),
  "keyheat.notifications": counter("{notification}", "outcome", "receiver"),
  "keyheat.coverage.ratio": gauge("1", "cluster", "kind", "target"),
  "keyheat.target.accesses": gauge("{access}", "cluster", "kind", "target"),
  "keyheat.target.seen": gauge("{target}", "cluster", "target"),
  "keyheat.keys.distinct": gauge("{key}", "cluster", "target"),
  "keyheat.pane.lag": gauge("s", "cluster", "target"),
  "keyheat.incidents.firing": gauge("{incident}", "cluster", "rule"),
  "keyheat.problems": gauge("{problem}"),
  "keyheat.hotset.leases": gauge("{key}", "cluster"),
  "keyheat.hotkey.rate": gauge("{access}/s", "cluster", "db", "key", "kind"),
  process_cpu_seconds: counter("s"),
  process_resident_memory_bytes: gauge("By"),
  process_start_time_seconds: gauge("s"),
};

const ALL_HAVE = ["keyheat.received", "keyheat.kept", "keyheat.problems", "process_cpu_seconds"];
const OF_AGENT = [
  ...ALL_HAVE,
  "keyheat.dropped",
  "keyheat.events",
  "keyheat.tap.gaps",
  "keyheat.keys.distinct",
  "keyheat.pane.lag",
];
/** Of one that counts a hot key; which of the two that is, is up to Kafka. */
const OF_AGGREGATOR = [
  ...ALL_HAVE,
  "keyheat.notifications",
  "keyheat.coverage.ratio",
  "keyheat.target.seen",
  "keyheat.incidents.firing",
  "keyheat.hotkey.rate",
];

/** Writes to one key that fires, to others, and to one that is ignored and so dropped; and a gap in what is heard. */
async function heat(t: TestContext, port: number): Promise<void> {
  await startLoad(t, port, PER_SECOND, (i) => {
    if (i % 2 === 0) return ["INCR", HOT];
    return i % 3 === 0 ? ["SET", "lock:cart", "1"] : ["SET", `user:${i % 50}`, "1"];
  });
  await command(port, ["CLIENT", "KILL", "TYPE", "pubsub"]);
}

function metric({ metrics }: OtlpExport, name: string): OtlpMetric {
  const found = metrics.filter((one) => one.name === name);
  assert.equal(found.length, 1, `${name} comes once`);
  return found[0] as OtlpMetric;
}

/** Each metric is as promised, and there is none besides. */
function assertPromises(exported: OtlpExport): void {
  for (const { name, description, unit, type, temporality, isMonotonic, points } of exported.metrics) {
    const promised = PROMISED[name];
    assert.ok(promised, `${name} is promised`);
    assert.deepEqual({ name, type, unit }, { name, type: promised.type, unit: promised.unit });
    assert.notEqual(description, "", name);
    if (type === "sum") {
      assert.deepEqual([temporality, isMonotonic], ["AGGREGATION_TEMPORALITY_CUMULATIVE", true], name);
    }
    for (const { attributes, value, startNs, atNs } of points) {
      assert.deepEqual(Object.keys(attributes).sort(), promised.attributes, name);
      assert.ok(Number.isFinite(value) && value >= 0, `${name}: ${value}`);
      assert.ok(startNs !== null && startNs <= atNs, `${name}: it starts before it ends`);
    }
    const series = new Set(points.map(({ attributes }) => JSON.stringify(attributes)));
    assert.equal(series.size, points.length, `${name}: each series once`);
  }
}

/** What a process calls itself by default, where it listens on a port that is not the usual one. */
function instanceOf(url: string): string {
  return `${hostname()}:${new URL(url).port}`;
}

function assertResource({ resource, scope }: OtlpExport, service: string, url: string): void {
  // What the SDK says of itself comes besides; nothing else of the host is told.
  const told = Object.entries(resource).filter(([name]) => !name.startsWith("telemetry.sdk."));
  assert.deepEqual(Object.fromEntries(told), {
    "service.name": service,
    "service.version": packageVersion(),
    "service.instance.id": instanceOf(url),
  });
  assert.equal(scope, "keyheat");
}

/** Where to send to and where it arrives: at once, or through a Collector. `null`: `t` is skipped. */
async function startReceiver(t: TestContext, way: string) {
  const started = await startOtlpReceiver(t);
  if (started === null || way === STRAIGHT) return started;
  return { receiver: started.receiver, endpoint: await startOtelCollector(t, started.endpoint) };
}

const STRAIGHT = "straight";
/** A Collector is tried where OTELCOL names the program of one. */
const WAYS = process.env.OTELCOL ? [STRAIGHT, "through a Collector"] : [STRAIGHT];
const LOG = [{ name: "log", log: {} }];
const RULES = [{ name: "hot", type: "rate", window: "2s", threshold: "50/s" }];
const ALL = Object.keys(PROMISED);

for (const way of WAYS) {
  test(`a standalone under load sends all that is promised, ${way}`, async (t) => {
    const started = await startReceiver(t, way);
    if (started === null) return;
    const { receiver, endpoint } = started;
    const redis = await startRedis(t);
    const file = {
      http: { listen: `127.0.0.1:${await freePort()}` },
      targets: [{ url: redis.url }],
      sources: { keyspace: { configure: "ensure" } },
      ignore: ["lock:*"],
      receivers: LOG,
      rules: RULES,
      metrics: { otlp: { endpoint } },
    };
    const keyheat = await startKeyheat(t, { file });
    await keyheat.ready();
    await heat(t, redis.port);
    const exported = await receiver.has("keyheat", ALL);
    assertPromises(exported);
    assertResource(exported, "keyheat", keyheat.standalone.url);
    const target = `127.0.0.1:${redis.port}`;
    const events = metric(exported, "keyheat.events").points;
    assert.ok(events.some(({ attributes: { event } }) => event === "incrby"));
    assert.ok(events.every(({ attributes }) => attributes.target === target));
    const rates = metric(exported, "keyheat.hotkey.rate").points;
    const hot = rates.filter(({ attributes }) => attributes.key === HOT);
    assert.deepEqual(hot.map(({ attributes }) => attributes.kind).sort(), ["miss", "read", "total", "write"]);
    const firing = metric(exported, "keyheat.incidents.firing").points;
    assert.deepEqual(
      firing.map(({ attributes, value }) => [attributes.rule, value]),
      [["hot", 1]],
    );
    assert.deepEqual(receiver.refusals, []);
  });

  const title = `an agent and two aggregators send theirs, each under a name of its own, ${way}`;
  test(title, kafka.needed(), async (t) => {
    const started = await startReceiver(t, way);
    if (started === null) return;
    const { receiver, endpoint } = started;
    const redis = await startRedis(t);
    const { brokers } = kafka.get();
    const fleet = new Fleet(t, { brokers, common: { metrics: { otlp: { endpoint } } } });
    await fleet.createTopics();
    const agent = await fleet.agent([redis.url], { ignore: ["lock:*"] });
    const judging = { receivers: LOG, rules: RULES };
    const aggregators = await Promise.all([1, 2].map(() => fleet.aggregator(null, judging)));
    await Promise.all([agent, ...aggregators].map((process) => process.ready()));
    await heat(t, redis.port);
    const fromAgent = await receiver.has("keyheat-agent", OF_AGENT);
    assertPromises(fromAgent);
    assertResource(fromAgent, "keyheat-agent", agent.url);
    const fromAggregator = await receiver.has("keyheat-aggregator", OF_AGGREGATOR);
    assertPromises(fromAggregator);
    await waitFor("both aggregators to be told apart", () => {
      assert.deepEqual(
        receiver.instancesOf("keyheat-aggregator"),
        aggregators.map(({ url }) => instanceOf(url)).sort(),
      );
      return true;
    });
    assert.deepEqual(receiver.refusals, []);
  });
}
