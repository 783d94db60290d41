/** How agents and aggregators end: when they are asked to, whatever state Kafka is in, and when Kafka refuses them. */
import assert from "node:assert/strict";
import { describe, it, type TestContext, test } from "node:test";
import { Fleet, type FleetProcess } from "../support/fleet.ts";
import { sharedKafka, startKafka, whyNoKafka } from "../support/kafka.ts";
import { load, startRedis } from "../support/redis.ts";
import { assertCleanOutput } from "../support/takeover.ts";
import { waitFor } from "../support/wait.ts";

const STOP_MS_MAX = 5000;
const REFUSED_MS_MAX = 25_000;
const WRITES_PER_SECOND = 2000;
const WRITES = 60_000;

const kafka = sharedKafka();

interface Rig {
  readonly agent: FleetProcess;
  readonly aggregator: FleetProcess;
}

/** An agent and an aggregator with work to do: a key that is written as long as the test runs. */
async function startRig(t: TestContext): Promise<Rig> {
  const redis = await startRedis(t);
  const fleet = new Fleet(t, { brokers: kafka.get().brokers });
  await fleet.createTopics();
  const agent = await fleet.agent([redis.url]);
  const aggregator = await fleet.aggregator();
  await Promise.all([agent.ready(), aggregator.ready()]);
  load(redis.port, WRITES, (n) => ["SET", "k", String(n)], WRITES_PER_SECOND).catch(() => {});
  await waitFor("the key to be counted", () => aggregator.hotkey("k"));
  return { agent, aggregator };
}

/** Ends both at once, and sees that they do so in time, by themselves, and without a word of an error. */
async function assertTheyStop(t: TestContext, { agent, aggregator }: Rig): Promise<void> {
  const startMs = performance.now();
  const stop = async (one: FleetProcess) => {
    await one.signal("SIGTERM");
    return { code: await one.ended(), tookMs: Math.round(performance.now() - startMs) };
  };
  const [ofAgent, ofAggregator] = await Promise.all([stop(agent), stop(aggregator)]);
  t.diagnostic(`the agent ended after ${ofAgent.tookMs} ms, the aggregator after ${ofAggregator.tookMs} ms`);
  for (const { code, tookMs } of [ofAgent, ofAggregator]) {
    assert.equal(code, 0);
    assert.ok(tookMs < STOP_MS_MAX);
  }
  assertCleanOutput(agent, aggregator);
}

async function saysInReadyz(t: TestContext, processes: readonly FleetProcess[], what: RegExp): Promise<void> {
  for (const one of processes) {
    const said = await waitFor(`/readyz to say ${what}`, async () => {
      const { text } = await one.get("/readyz");
      return what.test(text) && text;
    });
    t.diagnostic(said);
  }
}

/** Both have noticed: what they would tell Kafka waits. */
async function saysThatKafkaIsAway(t: TestContext, { agent, aggregator }: Rig): Promise<void> {
  await saysInReadyz(t, [agent, aggregator], /"degraded":\["Kafka/);
}

test("agent and aggregator end in time, with exit code 0", kafka.needed(), async (t) => {
  const rig = await startRig(t);
  await assertTheyStop(t, rig);
});

test(
  "without topics /readyz says what to do, and the log says it once; with them all is well",
  kafka.needed(),
  async (t) => {
    const redis = await startRedis(t);
    const fleet = new Fleet(t, { brokers: kafka.get().brokers });
    const rig = { agent: await fleet.agent([redis.url]), aggregator: await fleet.aggregator() };
    const pair = [rig.agent, rig.aggregator];
    await saysInReadyz(t, pair, /run keyheat topics --apply/);
    await fleet.createTopics();
    for (const one of pair) {
      const isWell = async () => (await one.get("/readyz")).text === '{"ready":true,"degraded":[]}';
      await waitFor("all to be well", isWell);
    }
    await assertTheyStop(t, rig);
    for (const { output } of pair) {
      const warnings = output.match(/^\{"level":[456]0.*$/gm) ?? [];
      const topics = warnings.map(
        (line) => /Kafka has no topic (\S+), .*run keyheat topics --apply/.exec(line)?.[1],
      );
      t.diagnostic(`warned of ${topics.join(", ")}`);
      assert.ok(warnings.length > 0, output);
      assert.equal(new Set(topics).size, warnings.length, output);
      assert.ok(!topics.includes(undefined), output);
    }
  },
);

// One after the other: the start of the second broker would be in the time that the others may take for their end.
describe("a Kafka that is no help", { concurrency: 1 }, () => {
  it("they say that Kafka hangs, and end in time", kafka.needed({ ours: true }), async (t) => {
    const rig = await startRig(t);
    kafka.get().freeze();
    t.after(() => kafka.get().thaw());
    await saysThatKafkaIsAway(t, rig);
    await assertTheyStop(t, rig);
  });

  it("a wrong password ends them with exit code 1 and the reason", {
    skip: whyNoKafka({ ours: true }) ?? false,
  }, async (t) => {
    const { brokers } = await startKafka(t, { users: { app: "right-Secret" } });
    const redis = await startRedis(t);
    const sasl = { mechanism: "scram-sha-256", username: "app", password: "wrong-Secret" };
    const fleet = new Fleet(t, { brokers, common: { kafka: { sasl } } });
    const pair = [await fleet.agent([redis.url]), await fleet.aggregator()];
    const startMs = performance.now();
    for (const one of pair) {
      const late = new Promise<never>((_, reject) => {
        setTimeout(() => reject(new Error(`it runs on: ${one.output}`)), REFUSED_MS_MAX).unref();
      });
      const code = await Promise.race([one.ended(), late]);
      const lastLine = one.output.trimEnd().split("\n").at(-1) ?? "";
      t.diagnostic(`exit code ${code} after ${Math.round(performance.now() - startMs)} ms: ${lastLine}`);
      assert.equal(code, 1);
      assert.match(lastLine, /^keyheat: .*user app/);
      assert.doesNotMatch(one.output, /wrong-Secret/);
    }
    assertCleanOutput(...pair);
  });
});

// The last of the file: the broker stays away.
test("they end in time while Kafka is away", kafka.needed({ ours: true }), async (t) => {
  const rig = await startRig(t);
  await kafka.get().kill();
  await saysThatKafkaIsAway(t, rig);
  await assertTheyStop(t, rig);
});
