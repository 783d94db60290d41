/**
 * Aggregators that are killed or held while a key burns. `KEYHEAT_LONG=1`: 20 kills in place of 3, and an owner that is
 * held for 30 s in place of 10.
 */
import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { Fleet, type FleetProcess } from "../support/fleet.ts";
import { sharedKafka } from "../support/kafka.ts";
import { seededRandom } from "../support/random.ts";
import {
  assertCleanOutput,
  ownerAmong,
  pagesOf,
  startWrittenRedis,
  type WrittenRedis,
} from "../support/takeover.ts";
import { waitFor } from "../support/wait.ts";
import { startWebhook } from "../support/webhook.ts";

const IS_LONG = process.env.KEYHEAT_LONG === "1";
const KILLS = IS_LONG ? 20 : 3;
const HELD_MS = IS_LONG ? 30_000 : 10_000;
const COMMON = { kafka: { sessionTimeout: "3s" } };

const kafka = sharedKafka();

interface Rig {
  readonly fleet: Fleet;
  readonly redis: WrittenRedis;
  readonly agent: FleetProcess;
}

async function startRig(t: TestContext): Promise<Rig> {
  const redis = await startWrittenRedis(t);
  const fleet = new Fleet(t, { brokers: kafka.get().brokers, common: COMMON });
  await fleet.createTopics();
  const agent = await fleet.agent([`redis://127.0.0.1:${redis.port}`]);
  await agent.ready();
  return { fleet, redis, agent };
}

test(
  "an aggregator killed at any moment changes no count and pages nobody again",
  kafka.needed(),
  async (t) => {
    const { fleet, redis, agent } = await startRig(t);
    const hook = await startWebhook(t);
    const pair = [await fleet.aggregator(hook.url), await fleet.aggregator(hook.url)] as const;
    await Promise.all(pair.map((one) => one.ready()));
    const seed = Date.now() % 100_000;
    t.diagnostic(`seed ${seed}`);
    const random = seededRandom(seed);
    const burning = await redis.write("burning", 1500);
    const [first] = await hook.received(1);
    const { incident } = pagesOf([first!])[0]!;
    for (let kill = 0; kill < KILLS; kill++) {
      const keys = ["a", "b", "c"].map((name) => `${name}-${kill}`);
      const writers = await Promise.all(keys.map((key, index) => redis.write(key, 40 * (index + 1))));
      const victim = pair[random() < 0.5 ? 0 : 1];
      await sleep(random() * 2000);
      const killedAtMs = performance.now();
      assertCleanOutput(victim);
      await victim.signal("SIGKILL");
      victim.restart();
      await victim.ready();
      const upMs = performance.now() - killedAtMs;
      const written = await Promise.all(writers.map((writer) => writer.stop()));
      for (const [index, key] of keys.entries())
        for (const one of pair) await one.counts(key, written[index]!);
      t.diagnostic(
        `kill ${kill + 1}: ready again after ${Math.round(upMs)} ms, counted ${written.join(", ")}`,
      );
      for (const one of pair)
        assert.deepEqual(
          (await one.incidents()).map(({ id, status }) => [id, status]),
          [[incident, "firing"]],
        );
    }
    t.diagnostic(`${await burning.stop()} accesses of the burning key`);
    assert.deepEqual(
      pagesOf(hook.requests).map(({ event, key }) => [event, key]),
      [["incident.firing", "burning"]],
    );
    assertCleanOutput(agent, ...pair);
  },
);

test(
  "a crash between a page and its log entry gives one duplicate of the same id",
  kafka.needed(),
  async (t) => {
    const { fleet, redis, agent } = await startRig(t);
    const hook = await startWebhook(t);
    const byPath = new Map<string, FleetProcess>();
    for (const path of ["one", "two"])
      byPath.set(`/${path}`, await fleet.aggregator(`${hook.url}/../${path}`));
    const pair = [...byPath.values()];
    await Promise.all(pair.map((one) => one.ready()));
    const victims: FleetProcess[] = [];
    hook.answer = ({ path }, n) => {
      if (n > 0) return { status: 200 };
      const victim = byPath.get(path);
      if (victim) {
        victims.push(victim);
        process.kill(victim.pid, "SIGKILL");
      }
      return "cut";
    };
    await redis.write("burning", 1500);
    await hook.received(2, { timeoutMs: 30_000 });
    const [victim] = victims;
    assert.ok(victim, "the page came from one of the two");
    await victim.ended();
    const survivor = pair.find((one) => one !== victim)!;
    await waitFor(
      "the page to be logged",
      async () => (await survivor.incidents())[0]?.notified.length === 1,
    );
    victim.restart();
    await victim.ready();
    await survivor.signal("SIGTERM");
    await ownerAmong([victim]);
    // Whatever the new owner believed to be owed would have left before this.
    await redis.write("second", 1500);
    await waitFor("a page of the second key", () =>
      pagesOf(hook.requests).some(({ key }) => key === "second"),
    );
    const pages = pagesOf(hook.requests).filter(({ key }) => key === "burning");
    assert.equal(pages.length, 2);
    assert.equal(pages[0]?.messageId, pages[1]?.messageId);
    assert.equal(pages[0]?.incident, pages[1]?.incident);
    t.diagnostic(`two pages of ${pages[0]?.messageId}`);
    assertCleanOutput(agent, survivor, victim);
  },
);

test("an owner held for longer than its session changes nothing when it wakes", kafka.needed(), async (t) => {
  const { fleet, redis, agent } = await startRig(t);
  const hook = await startWebhook(t);
  const pair = [await fleet.aggregator(hook.url), await fleet.aggregator(hook.url)];
  await Promise.all(pair.map((one) => one.ready()));
  await redis.write("burning", 1500);
  const [first] = await hook.received(1);
  const { incident } = pagesOf([first!])[0]!;
  const owner = await ownerAmong(pair);
  const other = pair.find((one) => one !== owner)!;
  // What is logged is known to whoever takes over: then there is no reason to page again.
  await waitFor("the log entry of the page", async () => (await other.incidents())[0]?.notified.length === 1);
  const seen = new Set<string>();
  const look = async (one: FleetProcess) => {
    for (const { id, status } of await one.incidents()) seen.add(`${id} ${status}`);
  };
  const heldAtMs = performance.now();
  await owner.signal("SIGSTOP");
  await ownerAmong([other]);
  t.diagnostic(`taken over after ${Math.round(performance.now() - heldAtMs)} ms`);
  await waitFor(
    "the owner to have been held long enough",
    async () => {
      await look(other);
      return performance.now() - heldAtMs >= HELD_MS;
    },
    HELD_MS + 5000,
    100,
  );
  await owner.signal("SIGCONT");
  // It is a member again when it has work to do: the other one leaves it all to it.
  await waitFor(
    "the woken one to be ready",
    async () => {
      await look(other);
      const { text } = await owner.get("/readyz");
      return text === '{"ready":true,"degraded":[]}';
    },
    30_000,
    50,
  );
  const third = await fleet.aggregator(hook.url);
  await third.ready();
  for (const one of [owner, other, third]) await look(one);
  await other.signal("SIGTERM");
  await third.signal("SIGTERM");
  await ownerAmong([owner]);
  await look(owner);
  await redis.write("second", 1500);
  await waitFor("a page of the second key", () => pagesOf(hook.requests).some(({ key }) => key === "second"));
  assert.deepEqual([...seen], [`${incident} firing`]);
  const pages = pagesOf(hook.requests).filter(({ key }) => key === "burning");
  t.diagnostic(`${pages.length} page(s) of the key that burns`);
  assert.deepEqual(
    pages.map(({ event }) => event),
    ["incident.firing"],
  );
  assertCleanOutput(agent, owner, other, third);
});
