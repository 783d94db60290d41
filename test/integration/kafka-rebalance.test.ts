/** Aggregators that come and go while keys grow hot. */
import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { Fleet, type FleetProcess } from "../support/fleet.ts";
import { sharedKafka } from "../support/kafka.ts";
import { PacedCalls } from "../support/paced-calls.ts";
import { TestConnection } from "../support/redis.ts";
import { startRedisCluster, type TestCluster } from "../support/redis-cluster.ts";
import { assertCleanOutput, pagesOf } from "../support/takeover.ts";
import { waitFor } from "../support/wait.ts";
import { startWebhook } from "../support/webhook.ts";

const ONSET_EVERY_MS = 700;
const BURN_PER_SECOND = 1600;
const BURN_MS = 3000;
/** Enough for each bucket to have some. */
const STEADY_KEYS = 48;
/** Far below the rule's threshold. */
const STEADY_PER_SECOND = 20;
/** Of the window that metrics are of; all of the test is inside one. */
const WINDOW_SECONDS = 60;

const kafka = sharedKafka();

/** Writes keys to whoever owns them; the writing ends with the test, before the servers do. */
class Writers {
  readonly #cluster: TestCluster;
  readonly #open: { readonly calls: PacedCalls; readonly connection: TestConnection }[] = [];

  constructor(t: TestContext, cluster: TestCluster) {
    this.#cluster = cluster;
    t.after(async () => {
      await Promise.all(this.#open.map(({ calls }) => calls.stop()));
      for (const { connection } of this.#open) connection.close();
      await cluster.stop();
    });
  }

  /** How often all keys were written so far. */
  get made(): number {
    return this.#open.reduce((sum, { calls }) => sum + calls.made, 0);
  }

  /** Writes a key at a steady rate. */
  async write(key: string, perSecond: number): Promise<PacedCalls> {
    const connection = await TestConnection.open(this.#cluster.primaryOf(key).port);
    const calls = new PacedCalls(perSecond, () => connection.command(["SET", key, "v"]));
    this.#open.push({ calls, connection });
    return calls;
  }
}

/** Keys that grow hot one after the other, each for some seconds. */
class Onsets {
  readonly #writers: Writers;
  readonly #burns: Promise<number>[] = [];
  readonly #running: Promise<void>;
  readonly keys: string[] = [];
  #isStopped = false;

  constructor(writers: Writers) {
    this.#writers = writers;
    this.#running = this.#run();
    this.#running.catch(() => {});
  }

  /** Ends it when the last key has burnt. Returns how often the least written key was written. */
  async stop(): Promise<number> {
    this.#isStopped = true;
    await this.#running;
    return Math.min(...(await Promise.all(this.#burns)));
  }

  async #run(): Promise<void> {
    while (!this.#isStopped) {
      const key = `onset-${this.keys.length}`;
      this.keys.push(key);
      const calls = await this.#writers.write(key, BURN_PER_SECOND);
      this.#burns.push(sleep(BURN_MS).then(() => calls.stop()));
      await sleep(ONSET_EVERY_MS);
    }
  }
}

interface Series {
  readonly instance: number;
  readonly labels: string;
  readonly value: number;
}

/** The samples of one metric on all instances. */
async function seriesOf(name: string, instances: readonly FleetProcess[]): Promise<Series[]> {
  const texts = await Promise.all(instances.map((one) => one.get("/metrics")));
  return texts.flatMap(({ text }, instance) =>
    Array.from(text.matchAll(/^(\w+)\{(.*)\} (\S+)$/gm))
      .filter(([, metric]) => metric === name)
      .map(([, , labels = "", value]) => ({ instance, labels, value: Number(value) })),
  );
}

/**
 * Waits until each key is shown by one instance, and each instance shows keys of its own: then all that the instances
 * show together is no more than what was written.
 */
async function assertNotMultiplied(
  t: TestContext,
  instances: readonly FleetProcess[],
  writers: Writers,
): Promise<void> {
  const startMs = performance.now();
  const { sum, shares } = await waitFor(
    "each key to be shown by one instance",
    async () => {
      const series = await seriesOf("keyheat_hotkey_rate", instances);
      const totals = series.filter(({ labels }) => labels.includes('kind="total"'));
      const steady = totals.filter(({ labels }) => labels.includes('key="steady-'));
      const shown = new Set(totals.map(({ labels }) => labels)).size;
      const shares = instances.map((_, index) => steady.filter(({ instance }) => instance === index).length);
      if (shown !== totals.length || steady.length !== STEADY_KEYS || shares.includes(0))
        throw new Error(`${totals.length} series of ${shown} keys; steady ones ${shares.join(" + ")}`);
      return { shares, sum: totals.reduce((whole, { value }) => whole + value, 0) };
    },
    30_000,
    100,
  );
  const written = writers.made / WINDOW_SECONDS;
  t.diagnostic(
    `${instances.length} instances, settled after ${Math.round(performance.now() - startMs)} ms: steady keys ${shares.join(" + ")}; ${sum.toFixed(1)}/s shown of ${written.toFixed(1)}/s written`,
  );
  assert.ok(sum <= written, "the sum over the instances is more than what was written");
}

/** What is firing by the metrics of all instances, which is what any one of them lists. */
async function assertFiringCounted(t: TestContext, instances: readonly FleetProcess[]): Promise<void> {
  const count = await waitFor(
    "the firing incidents to be counted once",
    async () => {
      const rows = await seriesOf("keyheat_incidents_firing", instances);
      const counted = rows.reduce((whole, { value }) => whole + value, 0);
      const active = (await instances[0]!.incidents()).filter(
        ({ status }) => status === "firing" || status === "recovering",
      );
      if (counted !== active.length) throw new Error(`${counted} are counted, ${active.length} are listed`);
      return counted;
    },
    30_000,
    50,
  );
  t.diagnostic(`${instances.length} instances: ${count} incidents fire`);
}

test(
  "aggregators come and go, 2 to 3 to 1: each onset is paged once, no metric is multiplied",
  kafka.needed(),
  async (t) => {
    const cluster = await startRedisCluster(null, { primaries: 3, replicas: 0 });
    const writers = new Writers(t, cluster);
    const hook = await startWebhook(t);
    const fleet = new Fleet(t, { brokers: kafka.get().brokers });
    await fleet.createTopics();
    const seed = `redis://${cluster.primaries[0]!.address}`;
    const agent = await fleet.agent([seed], { discovery: { observe: "all" } });
    const metrics = { keys: 500 };
    const routes = [{ match: {}, receivers: ["hook"], burst: 200, groupInterval: "1s" }];
    const start = () => fleet.aggregator(hook.url, { routes, metrics });
    const pair = [await start(), await start()];
    await Promise.all([agent, ...pair].map((one) => one.ready()));
    for (let i = 0; i < STEADY_KEYS; i++) await writers.write(`steady-${i}`, STEADY_PER_SECOND);
    const onsets = new Onsets(writers);
    await assertNotMultiplied(t, pair, writers);
    await assertFiringCounted(t, pair);

    const beforeThird = onsets.keys.length;
    const third = await start();
    await third.ready();
    await assertNotMultiplied(t, [...pair, third], writers);
    await assertFiringCounted(t, [...pair, third]);

    const asThree = onsets.keys.length;
    await waitFor("onsets with three", () => onsets.keys.length >= asThree + 3);

    const beforeEnd = onsets.keys.length;
    const endMs = performance.now();
    await Promise.all(pair.map((one) => one.signal("SIGTERM")));
    t.diagnostic(`two ended within ${Math.round(performance.now() - endMs)} ms`);
    await assertNotMultiplied(t, [third], writers);
    const afterEnd = onsets.keys.length;
    await waitFor("onsets after the last change", () => onsets.keys.length >= afterEnd + 3);
    const least = await onsets.stop();
    t.diagnostic(
      `${onsets.keys.length} onsets: ${beforeThird} with two, ${beforeEnd - beforeThird} with three coming, ${afterEnd - beforeEnd} with two going; ${least} writes at least`,
    );
    await waitFor("a page of each key", () => {
      const told = new Set(pagesOf(hook.requests).map(({ key }) => key));
      const missing = onsets.keys.filter((key) => !told.has(key));
      if (missing.length > 0) throw new Error(`none of ${missing.join(", ")}`);
      return true;
    });
    await waitFor("all pages to be logged", async () => {
      const incidents = await third.incidents();
      return incidents.every(({ notified }) => notified.length === 1);
    });
    await assertFiringCounted(t, [third]);
    const pages = pagesOf(hook.requests)
      .filter(({ event }) => event === "incident.firing")
      .map(({ key }) => key);
    assert.deepEqual(pages.toSorted(), onsets.keys.toSorted());
    assertCleanOutput(agent, ...pair, third);
  },
);
