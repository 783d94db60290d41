import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { Silence } from "../../../src/model/silence.ts";
import { RULE } from "../incidents/samples.ts";
import { brokenDown, RepeatedReceiver } from "./fake-receiver.ts";
import { keptStore } from "./kept-store.ts";
import { routeTo, Scene } from "./scene.ts";

const HOT = { "user:1": "hot" } as const;
const CALM = { "user:1": "calm" } as const;
const options = { Receiver: RepeatedReceiver, rule: { ...RULE, cooldown: 60_000 } };

function receiverOf(scene: Scene): RepeatedReceiver {
  const receiver = scene.receiver();
  assert.ok(receiver instanceof RepeatedReceiver);
  return receiver;
}

/** Rounds as seconds since the start and states. */
function roundsOf(scene: Scene): [number, ...string[]][] {
  return receiverOf(scene).rounds.map(({ atMs, incidents }) => [
    Math.floor((atMs - scene.startMs) / 1000),
    ...incidents.map(({ status, severity }) => `${status} ${severity}`),
  ]);
}

/** Of all keys, for an hour. */
function silenceOf(nowMs: number): Silence {
  return {
    id: "quiet",
    matchers: { key: "*", pattern: "user:*" },
    startsAtMs: nowMs,
    endsAtMs: nowMs + 3_600_000,
    comment: "",
    createdBy: "",
    createdAtMs: nowMs,
  };
}

describe("what a receiver is told again", () => {
  it("are the incidents it heard of, each 30 s, and their ends for 5 minutes; none of it is a notification", async () => {
    const scene = new Scene(options);
    await scene.hops(61, HOT);
    await scene.hops(40, CALM);
    assert.deepEqual(roundsOf(scene), [
      [30, "firing warning"],
      [60, "firing warning"],
      [90, "recovering warning"],
    ]);
    await scene.hops(500, CALM);
    const rounds = roundsOf(scene);
    const ends = rounds.filter(([, state]) => state === "resolved warning").map(([at]) => at);
    assert.deepEqual(ends, [150, 180, 210, 240, 270, 300, 330, 360, 390]);
    assert.equal(rounds.length, 4 + ends.length, "and then nothing");
    assert.deepEqual(scene.toldAt("firing"), [0, 60]);
    assert.deepEqual(scene.toldAt("resolved"), [120]);
    assert.deepEqual(
      scene.notifier.notifications().map(({ outcome, count }) => [outcome, count]),
      [
        ["delivered", 3],
        ["failed", 0],
        ["retried", 0],
      ],
    );
    assert.equal(scene.log.length, 3);
  });

  it("has the figures of its time, though no state has changed", async () => {
    const scene = new Scene(options);
    await scene.hops(20, HOT);
    scene.observe("hot", "user:1", "warning", 15_000);
    await scene.hops(11, {});
    const [round] = receiverOf(scene).rounds;
    assert.deepEqual(
      round?.incidents.map(({ ratePerSecond }) => ratePerSecond),
      [1500],
    );
  });

  it("is nothing of what it never heard", async () => {
    const scene = new Scene(options);
    receiverOf(scene).answer = () => brokenDown;
    await scene.hops(120, HOT);
    assert.deepEqual(roundsOf(scene), []);
  });

  it("goes on while an incident is not seen: blindness ends no alert", async () => {
    const scene = new Scene(options);
    await scene.hops(2, HOT);
    await scene.hops(200, { "user:1": "unknown" });
    assert.equal(scene.book.list({ limit: 1 })[0]?.reason, "stale");
    assert.deepEqual(
      roundsOf(scene).map(([at]) => at),
      [30, 60, 90, 120, 150, 180],
    );
  });

  it("goes on while no route sends it there any more, and whatever the budget", async () => {
    const routes = [
      routeTo(["hook"], { match: { severity: "warning" }, burst: 1, groupInterval: 3_600_000 }),
    ];
    const scene = new Scene({ ...options, routes });
    await scene.hops(20, HOT);
    await scene.hops(50, HOT, "critical");
    // Of the severity that it was not told of it hears nothing here either.
    assert.deepEqual(roundsOf(scene), [
      [30, "firing warning"],
      [60, "firing warning"],
    ]);
  });

  it("ends the alert of a severity from which an incident has risen", async () => {
    const scene = new Scene(options);
    await scene.hops(20, HOT);
    await scene.hops(20, HOT, "critical");
    const [round] = receiverOf(scene).rounds;
    assert.deepEqual(
      round?.incidents.map(({ status, severity, resolvedAtMs }) => [status, severity, resolvedAtMs]),
      [
        ["resolved", "warning", scene.startMs + 20_000],
        ["firing", "critical", null],
      ],
    );
    await scene.hops(320, HOT, "critical");
    assert.deepEqual(roundsOf(scene).at(-1)?.slice(1), ["firing critical"]);
  });

  it("is not held back by a silence or a skew, which hold back the rise", async () => {
    const scene = new Scene(options);
    await scene.hops(20, HOT);
    scene.muting.silences.put(silenceOf(scene.clock.now()));
    await scene.hops(50, HOT, "critical");
    assert.deepEqual(roundsOf(scene), [
      [30, "firing warning"],
      [60, "firing warning"],
    ]);
    const folded = new Scene(options);
    await folded.hops(20, HOT);
    for (let second = 20; second < 70; second++) {
      folded.observeSkew("hot");
      await folded.hop(HOT, "critical");
    }
    assert.deepEqual(roundsOf(folded), [
      [30, "firing warning", "firing warning"],
      [60, "firing warning", "firing warning"],
    ]);
  });

  it("is nothing of what was muted from the begin, neither that it is hot nor that it is over", async () => {
    const scene = new Scene(options);
    scene.muting.silences.put(silenceOf(scene.clock.now()));
    await scene.hops(100, HOT);
    await scene.hops(100, CALM);
    assert.deepEqual(roundsOf(scene), []);
    assert.deepEqual(scene.told(), []);
  });

  it("starts at once after a restart, and from the logs alone", async () => {
    const store = keptStore();
    const before = new Scene({ ...options, store });
    await before.hops(45, HOT);
    await before.notifier.close(0);
    assert.equal(before.clock.waiting, 0);
    const after = new Scene({ ...options, store, clock: before.clock });
    await after.hops(40, {});
    assert.deepEqual(roundsOf(after), [
      [0, "firing warning"],
      [30, "firing warning"],
    ]);
    assert.deepEqual(after.told(), []);
  });

  it("is left to another process once the cluster is that one's, and never sent while it may not be told", async () => {
    let mayTell = true;
    const scene = new Scene({ ...options, mayTell: () => mayTell });
    await scene.hops(31, HOT);
    mayTell = false;
    await scene.hops(60, {});
    assert.deepEqual(
      roundsOf(scene).map(([at]) => at),
      [30],
    );
    mayTell = true;
    await scene.hops(30, {});
    assert.equal(receiverOf(scene).rounds.length, 2);
    scene.notifier.withdraw("shop");
    await scene.clock.pass(300_000);
    assert.equal(receiverOf(scene).rounds.length, 2);
    assert.equal(scene.clock.waiting, 0);
  });

  it("that fails shows in health until it is taken, and is not retried before its time", async () => {
    const scene = new Scene(options);
    await scene.hops(2, HOT);
    receiverOf(scene).repeatAnswer = brokenDown;
    await scene.hops(60, HOT);
    assert.equal(receiverOf(scene).rounds.length, 2);
    assert.deepEqual(scene.notifier.problems(), [
      "receiver hook: open incidents could not be told again: delivery failed: FAILED (HTTP 500)",
    ]);
    assert.equal(scene.notifier.isHeard(), false);
    receiverOf(scene).repeatAnswer = "take";
    await scene.hops(30, {});
    assert.deepEqual(scene.notifier.problems(), []);
    // What a receiver itself says is wrong keeps no message away.
    receiverOf(scene).problems = () => ["one of two is away"];
    assert.deepEqual(scene.notifier.problems(), ["receiver hook: one of two is away"]);
    assert.equal(scene.notifier.isHeard(), true);
  });

  it("and hangs is given up before the next time, and never sent twice at once", async () => {
    const scene = new Scene(options);
    await scene.hops(2, HOT);
    receiverOf(scene).repeatAnswer = "hang";
    await scene.hops(120, HOT);
    assert.deepEqual(
      roundsOf(scene).map(([at]) => at),
      [30, 60, 90, 120],
    );
    await scene.notifier.close(0);
    assert.equal(scene.clock.waiting, 0);
  });
});
