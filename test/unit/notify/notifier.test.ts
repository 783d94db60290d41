import assert from "node:assert/strict";
import { describe, it, test } from "node:test";
import { DeliveryError } from "../../../src/notify/receivers/receiver.ts";
import { unaccounted } from "../../../src/runtime/accounting.ts";
import { heatOf, incidentOf, observation, RULE } from "../incidents/samples.ts";
import { brokenDown, refusal } from "./fake-receiver.ts";
import { keptStore } from "./kept-store.ts";
import { routeTo, Scene } from "./scene.ts";

const HOT = { "user:1": "hot" } as const;
const CALM = { "user:1": "calm" } as const;

describe("whom is told when", () => {
  it("a key that is hot for 10 minutes with a cooldown of 5 is told at 0, 5 and 10 minutes", async () => {
    const scene = new Scene();
    await scene.hops(601, HOT);
    assert.deepEqual(scene.toldAt("firing"), [0, 300, 600]);
    assert.deepEqual(scene.toldAt("resolved"), []);
    await scene.hops(400, CALM);
    assert.deepEqual(scene.toldAt("firing"), [0, 300, 600]);
    assert.deepEqual(scene.toldAt("resolved"), [900]);
  });

  it("each message has the figures of the moment at which it leaves, not those of the last change of state", async () => {
    const scene = new Scene({ rule: { ...RULE, cooldown: 60_000 } });
    scene.observe("hot", "user:1", "warning", 10_000);
    await scene.hops(10, {});
    // Neither a change of state nor a peak that is worth a word.
    scene.observe("hot", "user:1", "warning", 9000);
    await scene.hops(60, {});
    assert.deepEqual(
      scene.receiver().taken.map(({ group }) => group.incidents[0]?.ratePerSecond),
      [1000, 900],
    );
  });

  it("a key that flaps is told once a cooldown, and its end once, when it has been calm and the cooldown is over", async () => {
    const scene = new Scene();
    for (let cycle = 0; cycle < 30; cycle++) {
      await scene.hops(5, HOT);
      await scene.hops(15, CALM);
    }
    assert.deepEqual(scene.toldAt("firing"), [0, 300]);
    await scene.hops(400, CALM);
    assert.deepEqual(scene.toldAt("firing"), [0, 300]);
    // Hot for the last time until 585, so calm for 30 s at 615, when the cooldown of the page at 300 is over as well.
    assert.deepEqual(scene.toldAt("resolved"), [615]);
    const [incident] = scene.book.list({ limit: 1 });
    assert.equal(incident?.reopened, 29);
  });

  it("a resolve waits for keepFiringFor where that ends after the cooldown", async () => {
    const scene = new Scene({ rule: { ...RULE, cooldown: 10_000 } });
    await scene.hop(HOT);
    await scene.hops(60, CALM);
    assert.deepEqual(scene.toldAt("resolved"), [31]);
  });

  it("a severity that rises passes the cooldown, once", async () => {
    const scene = new Scene();
    await scene.hops(10, HOT);
    await scene.hops(10, HOT, "critical");
    await scene.hops(10, HOT);
    assert.deepEqual(scene.toldAt("firing"), [0, 10]);
    assert.deepEqual(
      scene.receiver().taken.map(({ group }) => group.incidents[0]?.severity),
      ["warning", "critical"],
    );
    await scene.hops(300, HOT);
    assert.deepEqual(scene.toldAt("firing"), [0, 10, 310]);
  });

  it("an end goes only to those who heard of the firing", async () => {
    const scene = new Scene({ receivers: ["hook", "deaf"] });
    scene.receiver("deaf").answer = () => brokenDown;
    await scene.hops(5, HOT);
    scene.receiver("deaf").answer = (group) => (group.event === "firing" ? brokenDown : "take");
    await scene.hops(400, CALM);
    assert.deepEqual(scene.toldAt("resolved", "hook"), [300]);
    assert.deepEqual(scene.receiver("deaf").taken, []);
  });

  it("who hears of it late has the cooldown counted from then", async () => {
    const scene = new Scene({ receivers: ["hook", "late"] });
    scene.receiver("late").answer = () => brokenDown;
    await scene.hops(100, HOT);
    scene.receiver("late").answer = () => "take";
    await scene.hops(300, HOT);
    const [first] = scene.toldAt("firing", "late");
    assert.ok(first !== undefined && first >= 100 && first < 161);
    await scene.hops(1000, CALM);
    const [resolvedSoon] = scene.toldAt("resolved", "hook");
    const [resolvedLate] = scene.toldAt("resolved", "late");
    assert.ok(resolvedSoon !== undefined && resolvedLate !== undefined);
    assert.equal(scene.toldAt("resolved", "late").length, 1);
  });

  it("nobody is told of what is pending, or of a blip that was over before anybody took it", async () => {
    const scene = new Scene({ rule: { ...RULE, for: 10_000 } });
    await scene.hops(5, HOT);
    await scene.hops(5, CALM);
    assert.deepEqual(scene.told(), []);

    const unheard = new Scene();
    unheard.receiver().answer = () => brokenDown;
    await unheard.hops(5, HOT);
    await unheard.hops(31, CALM);
    unheard.receiver().answer = () => "take";
    await unheard.hops(100, CALM);
    assert.deepEqual(unheard.told(), []);
    assert.equal(unheard.book.list({ limit: 1 })[0]?.status, "resolved");
  });

  it("nobody is reminded of what is not seen", async () => {
    const scene = new Scene();
    await scene.hops(100, HOT);
    await scene.hops(400, { "user:1": "unknown" });
    assert.deepEqual(scene.toldAt("firing"), [0]);
    await scene.hops(5, HOT);
    assert.deepEqual(scene.toldAt("firing"), [0, 500]);
  });

  it("a page that is being retried is not lost when its key goes out of sight", async () => {
    const scene = new Scene();
    scene.receiver().answer = () => brokenDown;
    await scene.hops(5, HOT);
    await scene.hops(120, { "user:1": "unknown" });
    assert.equal(scene.book.list({ limit: 1 })[0]?.reason, "stale");
    scene.receiver().answer = () => "take";
    await scene.hops(61, { "user:1": "unknown" });
    assert.equal(scene.receiver().taken.length, 1);
  });

  it("a firing message says firing, even of what has begun to recover", async () => {
    const scene = new Scene();
    scene.receiver().answer = () => brokenDown;
    await scene.hops(3, HOT);
    await scene.hops(3, CALM);
    scene.receiver().answer = () => "take";
    await scene.hops(20, CALM);
    assert.deepEqual(
      scene.receiver().taken.map(({ group }) => group.incidents[0]?.status),
      ["firing"],
    );
  });
});

describe("groups", () => {
  it("what fires within groupWait leaves as one message, and what comes later as another", async () => {
    const scene = new Scene({ routes: [routeTo(["hook"], { groupWait: 100 })] });
    scene.observe("hot", "a");
    await scene.clock.pass(60);
    scene.observe("hot", "b");
    await scene.clock.pass(60);
    scene.observe("hot", "c");
    await scene.clock.pass(100);
    assert.deepEqual(
      scene.told().map(({ keys }) => keys),
      [["a", "b"], ["c"]],
    );
  });

  it("a storm sends as many messages as the budget has, then one each groupInterval, and loses nothing", async () => {
    const scene = new Scene({ routes: [routeTo(["hook"], { burst: 3, groupInterval: 30_000 })] });
    for (let n = 0; n < 50; n++) {
      scene.observe("hot", `key:${n}`);
      await scene.clock.pass(500);
    }
    await scene.clock.pass(60_000);
    assert.deepEqual(scene.toldAt("firing"), [0, 0, 1, 30]);
    assert.equal(new Set(scene.told().flatMap(({ keys }) => keys)).size, 50);
  });

  it("critical incidents have a budget of their own", async () => {
    const scene = new Scene({ routes: [routeTo(["hook"], { burst: 1 })] });
    for (const key of ["a", "b", "c"]) {
      scene.observe("hot", key);
      await scene.clock.pass(10);
    }
    scene.observe("hot", "d", "critical");
    await scene.clock.pass(10);
    assert.deepEqual(
      scene.told().map(({ keys }) => keys),
      [["a"], ["d"]],
    );
  });

  it("clusters and receivers have budgets of their own", async () => {
    const scene = new Scene({ receivers: ["hook", "ops"], routes: [routeTo(["hook", "ops"], { burst: 1 })] });
    for (const cluster of ["one", "two"]) {
      scene.notifier.offer(
        incidentOf({ id: cluster, cluster, key: { cluster, db: 0, bytes: Buffer.from(cluster) } }),
      );
      await scene.clock.pass(10);
    }
    assert.equal(scene.receiver("hook").taken.length, 2);
    assert.equal(scene.receiver("ops").taken.length, 2);
  });

  it("a resolve spends no budget", async () => {
    const scene = new Scene({
      rule: { ...RULE, cooldown: 0, keepFiringFor: 0 },
      routes: [routeTo(["hook"], { burst: 1, groupInterval: 600_000 })],
    });
    await scene.hop(HOT);
    await scene.hops(3, CALM);
    assert.deepEqual(scene.toldAt("resolved"), [1]);
  });

  it("what is over before its group leaves is not in it", async () => {
    const rule = { ...RULE, keepFiringFor: 0 };
    const scene = new Scene({ rule, routes: [routeTo(["hook"], { groupWait: 5000 })] });
    scene.observe("hot", "a");
    scene.observe("hot", "b");
    await scene.clock.pass(1000);
    scene.observe("calm", "a");
    await scene.clock.pass(10_000);
    assert.deepEqual(
      scene.told().map(({ event, keys }) => [event, ...keys]),
      [["firing", "b"]],
    );
  });
});

describe("receivers in trouble", () => {
  it("one that fails, hangs or refuses delays no other", async () => {
    const scene = new Scene({ receivers: ["failing", "hanging", "refusing", "hook"] });
    scene.receiver("failing").answer = () => brokenDown;
    scene.receiver("hanging").answer = () => "hang";
    scene.receiver("refusing").answer = () => refusal;
    for (let n = 0; n < 5; n++) await scene.hop({ [`key:${n}`]: "hot" });
    assert.deepEqual(scene.toldAt("firing", "hook"), [0, 1, 2, 3, 4]);
    assert.deepEqual(
      scene.receiver("hook").taken.map(({ atMs }) => (atMs - scene.startMs) % 1000),
      [0, 0, 0, 0, 0],
    );
  });

  it("one that failed for ten minutes hears of all that still fires, with the ids of the first attempts", async () => {
    const scene = new Scene();
    const receiver = scene.receiver();
    receiver.answer = () => brokenDown;
    for (let n = 0; n < 5; n++) await scene.hop({ [`key:${n}`]: "hot" });
    await scene.hops(600, { "key:0": "hot", "key:1": "hot", "key:2": "hot", "key:3": "hot", "key:4": "hot" });
    const triedIds = new Set(receiver.attempts.map(({ group }) => group.id));
    assert.equal(triedIds.size, 5);
    receiver.answer = () => "take";
    await scene.hops(61, {});
    assert.deepEqual(new Set(scene.told().flatMap(({ keys }) => keys)).size, 5);
    assert.deepEqual(new Set(receiver.taken.map(({ group }) => group.id)), triedIds);
  });

  it("one that hangs is given up after 10 s and tried again with the same id", async () => {
    const scene = new Scene();
    const receiver = scene.receiver();
    receiver.answer = (_, attempt) => (attempt === 1 ? "hang" : "take");
    await scene.hops(12, HOT);
    assert.equal(receiver.attempts.length, 2);
    const [first, second] = receiver.attempts;
    assert.ok(first && second);
    const waitedMs = second.atMs - first.atMs;
    assert.ok(waitedMs > 10_000 && waitedMs <= 10_200, `${waitedMs} ms`);
    assert.equal(first.group.id, second.group.id);
    assert.deepEqual(
      scene.log.map(({ outcome }) => outcome),
      ["delivered"],
    );
  });

  it("retries come at growing distances, at most a minute apart", async () => {
    const scene = new Scene();
    const receiver = scene.receiver();
    receiver.answer = () => brokenDown;
    await scene.hops(600, HOT);
    const distances = receiver.attempts
      .map(({ atMs }, i) => atMs - (receiver.attempts[i - 1]?.atMs ?? atMs))
      .slice(1);
    assert.ok(distances.length > 10 && distances.length < 30, `${distances.length} attempts`);
    assert.ok(Math.max(...distances) <= 60_000);
    assert.ok(Math.min(...distances.slice(10)) >= 30_000);
  });

  it("a retry shows the incidents as they are by then", async () => {
    const scene = new Scene();
    const receiver = scene.receiver();
    receiver.answer = (_, attempt) => (attempt === 1 ? brokenDown : "take");
    const incident = incidentOf();
    scene.notifier.offer(incident);
    await scene.clock.pass(10);
    scene.notifier.offer({ ...incident, currentRatePerSecond: 20_000 });
    await scene.clock.pass(1000);
    assert.equal(receiver.taken[0]?.group.incidents[0]?.currentRatePerSecond, 20_000);
  });

  it("a severity that rises while the first message is retried makes a message of its own at once", async () => {
    const scene = new Scene();
    const receiver = scene.receiver();
    receiver.answer = () => brokenDown;
    await scene.hops(30, HOT);
    const before = receiver.attempts.length;
    receiver.answer = () => "take";
    await scene.hop(HOT, "critical");
    assert.equal(receiver.attempts.length, before + 1);
    assert.equal(receiver.taken[0]?.group.incidents[0]?.severity, "critical");
    await scene.hops(100, HOT, "critical");
    assert.equal(receiver.taken.length, 1);
  });

  it("Retry-After holds back every message to that receiver, up to a bound", async () => {
    const scene = new Scene({ rule: { ...RULE, cooldown: 3_600_000 } });
    const receiver = scene.receiver();
    const throttled = (seconds: number) =>
      new DeliveryError("THROTTLED", true, { status: 429, retryAfterMs: seconds * 1000 });
    receiver.answer = (_, attempt) => (attempt === 1 ? throttled(20) : "take");
    await scene.hop({ a: "hot" });
    await scene.hops(40, { b: "hot" });
    assert.deepEqual(
      receiver.attempts.map(({ atMs }) => atMs - scene.startMs),
      [0, 20_000, 20_000],
    );
    const mischief = new Scene({ rule: { ...RULE, cooldown: 3_600_000 } });
    mischief.receiver().answer = (_, attempt) => (attempt === 1 ? throttled(1e9) : "take");
    await mischief.hops(602, HOT);
    assert.deepEqual(mischief.toldAt("firing"), [600]);
  });

  it("what is refused for good is not retried, is visible, and is asked again only after the cooldown", async () => {
    const scene = new Scene();
    scene.receiver().answer = () => refusal;
    await scene.hops(299, HOT);
    assert.equal(scene.receiver().attempts.length, 1);
    const [incident] = scene.book.list({ limit: 1 });
    assert.deepEqual(
      incident?.notified.map(({ receiver, outcome }) => [receiver, outcome]),
      [["hook", "failed"]],
    );
    await scene.hops(10, HOT);
    assert.equal(scene.receiver().attempts.length, 2);
    assert.deepEqual(scene.notifier.notifications(), [
      { receiver: "hook", outcome: "delivered", count: 0 },
      { receiver: "hook", outcome: "failed", count: 2 },
      { receiver: "hook", outcome: "retried", count: 0 },
    ]);
  });

  it("one that is gone is not called again, and that is visible", async () => {
    const scene = new Scene();
    scene.receiver().answer = () => new DeliveryError("GONE", false, { status: 410 });
    await scene.hop({ a: "hot" });
    await scene.hop({ b: "hot" });
    assert.equal(scene.receiver().attempts.length, 1);
    assert.equal(scene.log.length, 2);
    assert.match(scene.notifier.problems().join(), /hook.*410/);
  });

  it("one that fails is visible until it takes a message again", async () => {
    const scene = new Scene();
    scene.receiver().answer = (_, attempt) => (attempt < 3 ? brokenDown : "take");
    await scene.hop({ a: "hot" }).then(() => scene.clock.pass(0));
    assert.equal(scene.receiver().attempts.length >= 2, true);
    await scene.hops(5, {});
    assert.deepEqual(scene.notifier.problems(), []);
    const failing = new Scene();
    failing.receiver().answer = () => brokenDown;
    await failing.hop(HOT);
    assert.match(failing.notifier.problems().join(), /hook.*HTTP 500/);
  });

  it("one with a bug ends nothing", async () => {
    const scene = new Scene();
    scene.receiver().answer = (_, attempt) => {
      if (attempt === 1) throw new TypeError("a bug");
      return "take";
    };
    await scene.hops(3, HOT);
    assert.equal(scene.receiver().taken.length, 1);
  });

  it("more than its queue holds is owed all the same", async () => {
    const scene = new Scene({ routes: [routeTo(["hook"], { burst: 1000, groupInterval: 1 })] });
    scene.receiver().answer = () => brokenDown;
    for (let n = 0; n < 1100; n++) {
      scene.observe("hot", `key:${n}`);
      scene.clock.advance(2);
    }
    await scene.clock.pass(1);
    scene.receiver().answer = () => "take";
    for (let second = 0; second < 130; second++) {
      scene.notifier.tick(scene.clock.now());
      await scene.clock.pass(1000);
    }
    assert.equal(new Set(scene.told().flatMap(({ keys }) => keys)).size, 1100);
    assert.equal(unaccounted(scene.ledger.books()), 0);
  });
});

describe("a restart", () => {
  it("in the cooldown pages nobody again, and the end is still told", async () => {
    const store = keptStore();
    const before = new Scene({ store });
    await before.hops(60, HOT);
    await before.notifier.close(0);
    const after = new Scene({ store, clock: before.clock });
    await after.hops(60, HOT);
    assert.deepEqual(after.told(), []);
    await after.hops(400, CALM);
    assert.deepEqual(
      after.told().map(({ event, atSeconds }) => [event, atSeconds + 60]),
      [["resolved", 300]],
    );
  });

  it("after being killed between sending and logging repeats the message under its id", async () => {
    const store = keptStore();
    const before = new Scene({ store });
    before.onNotified = () => {};
    await before.hops(2, HOT);
    await before.notifier.close(0);
    const after = new Scene({ store, clock: before.clock });
    await after.hops(2, HOT);
    assert.equal(before.receiver().taken.length, 1);
    assert.equal(after.receiver().taken.length, 1);
    assert.equal(after.receiver().taken[0]?.group.id, before.receiver().taken[0]?.group.id);
  });

  it("repeats a resolve that was sent and not logged under its id", async () => {
    const store = keptStore();
    const before = new Scene({ store });
    await before.hop(HOT);
    before.onNotified = () => {};
    await before.hops(310, CALM);
    await before.notifier.close(0);
    const after = new Scene({ store, clock: before.clock });
    await after.hops(2, {});
    const [, resolve] = before.receiver().taken;
    assert.equal(resolve?.group.event, "resolved");
    assert.deepEqual(
      after.receiver().taken.map(({ group }) => group.id),
      [resolve?.group.id],
    );
  });

  it("pages nobody of what was never told and may be over, until it is seen hot again", async () => {
    const store = keptStore();
    const before = new Scene({ store });
    before.receiver().answer = () => brokenDown;
    await before.hops(2, HOT);
    await before.notifier.close(0);
    const after = new Scene({ store, clock: before.clock });
    for (const incident of after.book.active()) after.notifier.offer(incident);
    await after.hops(10, {});
    assert.deepEqual(after.told(), []);
    await after.hops(2, HOT);
    assert.deepEqual(after.toldAt("firing"), [10]);
  });

  it("pages nobody of what was firing long ago until it is seen hot again", async () => {
    const store = keptStore();
    const before = new Scene({ store });
    await before.hops(2, HOT);
    await before.notifier.close(0);
    await before.clock.pass(3_000_000);
    const after = new Scene({ store, clock: before.clock });
    await after.hops(10, {});
    assert.deepEqual(after.told(), []);
    await after.hops(2, HOT);
    assert.deepEqual(after.toldAt("firing"), [10]);
  });

  it("has other ids for reminders than for the first message", async () => {
    const scene = new Scene();
    await scene.hops(601, HOT);
    assert.equal(new Set(scene.receiver().taken.map(({ group }) => group.id)).size, 3);
  });
});

describe("a shutdown", () => {
  it("sends what waits for its group, and closes the receivers", async () => {
    const scene = new Scene({ routes: [routeTo(["hook"], { groupWait: 60_000 })] });
    scene.observe("hot");
    await scene.notifier.close(1000);
    assert.equal(scene.receiver().taken.length, 1);
    assert.equal(scene.receiver().isClosed, true);
    assert.equal(unaccounted(scene.ledger.books()), 0);
    assert.equal(scene.clock.waiting, 0);
  });

  it("waits for no longer than its deadline, and accounts for what it gives up", async () => {
    const scene = new Scene({ receivers: ["hook", "down"] });
    scene.receiver().answer = () => "hang";
    scene.receiver("down").answer = () => brokenDown;
    scene.observe("hot");
    await scene.clock.pass(1);
    let isClosed = false;
    const closing = scene.notifier.close(3000).then(() => {
      isClosed = true;
    });
    await scene.clock.pass(2999);
    assert.equal(isClosed, false);
    await scene.clock.pass(1);
    await closing;
    assert.equal(scene.ledger.books().dropped.shutdown, 2);
    assert.equal(unaccounted(scene.ledger.books()), 0);
    assert.deepEqual(scene.log, []);
  });
});

test("it is said that there are more incidents than can be told of", async () => {
  const scene = new Scene();
  for (let index = 0; index < 25_001; index++) {
    scene.notifier.offer(incidentOf({ name: `user:${index}` }));
    if (index === 24_999) assert.deepEqual(scene.notifier.problems(), []);
  }
  assert.deepEqual(scene.notifier.problems(), [
    "25000 incidents are to be told of: nobody is told of further ones before some of these are over",
  ]);
  await scene.clock.pass(61_000);
  assert.deepEqual(scene.notifier.problems(), []);
});

test("a receiver that is no longer there holds up nothing, and is told of the end when it is back", async () => {
  const store = keptStore();
  const before = new Scene({ store, receivers: ["gone", "kept"] });
  await before.hops(2, { "user:1": "hot" });
  await before.notifier.close(0);
  const without = new Scene({ store, receivers: ["kept"], clock: before.clock });
  await without.hops(2, { "user:1": "hot" });
  await without.hops(400, { "user:1": "calm" });
  assert.deepEqual(without.toldAt("resolved", "kept").length, 1);
  await without.notifier.close(0);
  const again = new Scene({ store, receivers: ["gone", "kept"], clock: before.clock });
  await again.hops(5, {});
  assert.deepEqual(
    again.told().map(({ receiver, event }) => [receiver, event]),
    [["gone", "resolved"]],
  );
});

test("a reminder shows how hot the key is by then, not how hot it was when it was first told", async () => {
  const scene = new Scene();
  for (let second = 0; second < 305; second++) {
    const writes = second < 200 ? 20_000 : 15_000;
    const heat = heatOf({ atMs: scene.clock.now(), writes });
    const changed = scene.book.observe(RULE, observation("hot", "warning", heat), scene.clock.now());
    if (changed) scene.offer(changed);
    await scene.hop({});
  }
  assert.deepEqual(
    scene.receiver().taken.map(({ group }) => group.incidents.map(({ ratePerSecond }) => ratePerSecond)),
    [[2000], [1500]],
  );
});
