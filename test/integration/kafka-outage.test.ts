import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { Fleet } from "../support/fleet.ts";
import { sharedKafka } from "../support/kafka.ts";
import { load, startRedis } from "../support/redis.ts";
import { waitFor } from "../support/wait.ts";
import { startWebhook } from "../support/webhook.ts";

const kafka = sharedKafka();
const AWAY_MS = 15_000;
const LOAD_MS = 24_000;
const EVENTS_PER_SECOND = 20_000;
/** Of so many commands one is of the hot key. */
const HOT_EVERY = 10;
const COLD_KEYS = 5000;
const GROWTH_BYTES_MAX = 50 * 2 ** 20;
/** All of the test is inside one, however slow the machine is. */
const WINDOW = "5m";

/** Source: proc(5), `VmRSS` of /proc/PID/status. */
function residentBytes(pid: number): number {
  const [, kilobytes] = /VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, "utf8")) ?? [];
  return Number(kilobytes) * 1024;
}

test(
  "what happens while the broker is away for 15 s is counted to the last access, and paged once",
  kafka.needed({ ours: true }),
  async (t) => {
    const redis = await startRedis(t);
    const hook = await startWebhook(t);
    const fleet = new Fleet(t, { brokers: kafka.get().brokers, common: { windows: ["2s", WINDOW] } });
    await fleet.createTopics();
    const agent = await fleet.agent([redis.url]);
    const aggregator = await fleet.aggregator(hook.url);
    await Promise.all([agent.ready(), aggregator.ready()]);
    const count = (EVENTS_PER_SECOND * LOAD_MS) / 1000;
    const keyOf = (i: number) => (i % HOT_EVERY === 0 ? "hot" : `cold:${i % COLD_KEYS}`);
    const loaded = load(redis.port, count, (i) => ["SET", keyOf(i), "x"], EVENTS_PER_SECOND);
    loaded.catch(() => {});
    await hook.received(1);
    const beforeBytes = residentBytes(agent.pid);
    await kafka.get().kill();
    const awayFromMs = performance.now();
    const degraded = await waitFor("the agent to say that Kafka is away", async () => {
      const { status, text } = await agent.get("/readyz");
      assert.equal(status, 200, text);
      return /Kafka/.test(text) && text;
    });
    let mostBytes = beforeBytes;
    while (performance.now() - awayFromMs < AWAY_MS) {
      mostBytes = Math.max(mostBytes, residentBytes(agent.pid));
      assert.equal((await agent.get("/readyz")).status, 200);
      await sleep(250);
    }
    await kafka.get().start();
    const awayMs = performance.now() - awayFromMs;
    await loaded;
    await aggregator.counts("hot", count / HOT_EVERY, 60_000, WINDOW);
    const caughtUpMs = performance.now() - awayFromMs - awayMs;
    mostBytes = Math.max(mostBytes, residentBytes(agent.pid));
    await waitFor(
      "the agent to say that Kafka is back",
      async () => !/Kafka/.test((await agent.get("/readyz")).text),
    );
    const firing = hook.requests.filter((request) => /incident\.firing/.test(request.body.toString()));
    t.diagnostic(`away ${Math.round(awayMs)} ms, all counted ${Math.round(caughtUpMs)} ms after its return`);
    t.diagnostic(
      `RSS ${mib(beforeBytes)} MiB before, ${mib(mostBytes)} MiB at most; ${hook.requests.length} pages`,
    );
    t.diagnostic(`/readyz meanwhile: ${degraded}`);
    assert.ok(mostBytes - beforeBytes < GROWTH_BYTES_MAX);
    assert.equal(firing.length, 1);
    assert.equal(hook.requests.length, 1);
  },
);

function mib(bytes: number): string {
  return (bytes / 2 ** 20).toFixed(0);
}
