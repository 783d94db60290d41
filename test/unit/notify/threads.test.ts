import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { IncidentGroup } from "../../../src/model/incident.ts";
import type { Silence } from "../../../src/model/silence.ts";
import type { Verdict } from "../../../src/model/verdict.ts";
import { unaccounted } from "../../../src/runtime/accounting.ts";
import fc from "../../support/fast-check.ts";
import { RULE } from "../incidents/samples.ts";
import { brokenDown, ThreadedReceiver } from "./fake-receiver.ts";
import { keptStore } from "./kept-store.ts";
import { routeTo, Scene } from "./scene.ts";

const options = { Receiver: ThreadedReceiver, rule: { ...RULE, cooldown: 60_000, keepFiringFor: 5000 } };

/** What the receiver took: event, thread (by the key of its oldest incident), keys, and whether all of it is over. */
function threadsOf(scene: Scene) {
  const keys = new Map(scene.book.list({ limit: 1000 }).map(({ id, key }) => [id, String(key?.bytes)]));
  return scene.receiver().taken.map(({ group }) => ({
    event: group.event,
    thread: keys.get(group.thread?.id ?? ""),
    keys: group.incidents.map(({ key }) => String(key?.bytes)).sort(),
    isOver: group.thread?.isOver,
  }));
}

function silenceOf(key: string, nowMs: number): Silence {
  return {
    id: "quiet",
    matchers: { key },
    startsAtMs: nowMs,
    endsAtMs: nowMs + 3_600_000,
    comment: "",
    createdBy: "",
    createdAtMs: nowMs,
  };
}

describe("threads", () => {
  it("are begun by a message, named after the oldest incident in it", async () => {
    const scene = new Scene({ ...options, routes: [routeTo(["hook"], { groupWait: 1000 })] });
    scene.observe("hot", "b");
    await scene.clock.pass(500);
    scene.observe("hot", "a");
    await scene.clock.pass(1000);
    const [first] = scene.receiver().taken;
    const oldest = first?.group.incidents.find(({ key }) => String(key?.bytes) === "b");
    assert.equal(first?.group.incidents.length, 2);
    assert.equal(first?.group.thread?.id, oldest?.id);
    assert.deepEqual(
      scene.log.map(({ thread }) => thread),
      [oldest?.id, oldest?.id],
    );
  });

  it("of incidents of one moment are named by the lowest id, in whichever order they come", async () => {
    for (const keys of [
      ["a", "b", "c"],
      ["c", "a", "b"],
    ]) {
      const scene = new Scene(options);
      for (const key of keys) scene.observe("hot", key);
      await scene.clock.pass(1);
      const ids = scene.book.list({ limit: 10 }).map(({ id }) => id);
      assert.equal(scene.receiver().taken[0]?.group.thread?.id, ids.sort()[0]);
    }
  });

  it("keep their incidents: reminders and a rise go where the firing went, a message for each", async () => {
    const scene = new Scene(options);
    await scene.hops(3, { a: "hot" });
    await scene.hops(56, { a: "hot", b: "hot" });
    scene.observe("hot", "a", "critical");
    scene.observe("hot", "b", "critical");
    await scene.clock.pass(1);
    assert.deepEqual(
      threadsOf(scene).map(({ thread, keys }) => [thread, keys]),
      [
        ["a", ["a"]],
        ["b", ["b"]],
        ["a", ["a"]],
        ["b", ["b"]],
      ],
    );
  });

  it("are over with the last of their incidents", async () => {
    const scene = new Scene(options);
    await scene.hops(3, { a: "hot", b: "hot" });
    await scene.hops(70, { a: "calm", b: "hot" });
    await scene.hops(70, { b: "calm" });
    const ends = threadsOf(scene).filter(({ event }) => event === "resolved");
    assert.deepEqual(
      ends.map(({ keys, isOver }) => [keys, isOver]),
      [
        [["a"], false],
        [["b"], true],
      ],
    );
    assert.equal(new Set(threadsOf(scene).map(({ thread }) => thread)).size, 1);
  });

  it("are over by the message that leaves last where two ends are sent at once", async () => {
    const scene = new Scene(options);
    await scene.hops(3, { a: "hot", b: "hot" });
    scene.receiver().answer = ({ event }) => (event === "resolved" ? "hang" : "take");
    // The end of one is being sent when the other one's is.
    await scene.hops(60, { a: "calm", b: "hot" });
    await scene.hops(6, { b: "calm" });
    scene.receiver().answer = () => "take";
    await scene.hops(120, { b: "calm" });
    const ends = threadsOf(scene).filter(({ event }) => event === "resolved");
    assert.deepEqual(ends.flatMap(({ keys }) => keys).sort(), ["a", "b"]);
    assert.equal(ends.at(-1)?.isOver, true);
  });

  it("outlive the process", async () => {
    const store = keptStore();
    const before = new Scene({ ...options, store });
    await before.hops(3, { a: "hot", b: "hot" });
    await before.notifier.close(0);
    const after = new Scene({ ...options, store, clock: before.clock });
    await after.hops(70, { a: "calm", b: "hot" });
    await after.hops(70, { b: "calm" });
    const thread = before.receiver().taken[0]?.group.thread?.id;
    assert.deepEqual(
      after.receiver().taken.map(({ group }) => [group.event, group.thread]),
      [
        ["firing", { id: thread, isOver: false }],
        ["resolved", { id: thread, isOver: false }],
        ["resolved", { id: thread, isOver: true }],
      ],
    );
  });

  it("are the same again where the process was killed between sending and logging", async () => {
    const store = keptStore();
    const before = new Scene({ ...options, store });
    before.onNotified = () => {};
    await before.hops(2, { b: "hot", a: "hot" });
    await before.notifier.close(0);
    const after = new Scene({ ...options, store, clock: before.clock });
    await after.hops(2, { a: "hot", b: "hot" });
    assert.equal(before.receiver().taken.length, 1);
    assert.equal(after.receiver().taken.length, 1);
    assert.deepEqual(after.receiver().taken[0]?.group.thread, before.receiver().taken[0]?.group.thread);
  });

  it("stay what they were where a message of several was tried and one of them is over before it arrives", async () => {
    const scene = new Scene({ ...options, rule: { ...options.rule, cooldown: 0 } });
    scene.receiver().answer = () => brokenDown;
    await scene.hops(2, { a: "hot", b: "hot" });
    const thread = scene.receiver().attempts[0]?.group.thread?.id;
    const first = scene.book.list({ limit: 9 }).find(({ id }) => id === thread);
    const [gone, left] = String(first?.key?.bytes) === "a" ? ["a", "b"] : ["b", "a"];
    await scene.hops(20, { [gone]: "calm", [left]: "hot" });
    scene.receiver().answer = () => "take";
    await scene.hops(60, { [left]: "hot" });
    assert.deepEqual(threadsOf(scene)[0]?.keys, [left]);
    assert.equal(scene.receiver().taken[0]?.group.thread?.id, thread);
  });

  it("are over in the end, and never while an incident of which the service heard is open, over any history", async () => {
    const verdict = fc.constantFrom<Verdict>("hot", "hot", "calm", "unknown");
    const stretch = fc.record({
      seconds: fc.integer({ min: 1, max: 40 }),
      verdicts: fc.tuple(verdict, verdict, verdict),
      answer: fc.constantFrom("take", "take", "fail", "hang"),
      isRestart: fc.boolean(),
      silenced: fc.constantFrom(null, null, "a", "[bc]"),
      skew: fc.constantFrom<Verdict | null>(null, null, "hot", "calm"),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(stretch, { minLength: 1, maxLength: 8 }), async (stretches) => {
        const store = keptStore();
        let scene = new Scene({ ...options, store });
        /** Incidents of which the service heard, by thread, and whether that is open there. */
        const heard = new Map<string, Set<string>>();
        const isOpen = new Map<string, boolean>();
        const early: string[] = [];
        const answering =
          ({ book }: Scene, answer: "take" | "fail" | "hang") =>
          (group: IncidentGroup) => {
            if (answer !== "take") return answer === "hang" ? "hang" : brokenDown;
            const { event, thread, incidents } = group;
            assert.ok(thread);
            const members = heard.get(thread.id) ?? new Set();
            heard.set(thread.id, members);
            if (event === "firing") for (const { id } of incidents) members.add(id);
            if (event === "firing" || thread.isOver) isOpen.set(thread.id, event === "firing");
            const isHot = [...members].some((id) => book.get(id)?.status !== "resolved");
            if (event === "resolved" && thread.isOver && isHot) early.push(thread.id);
            return "take";
          };
        for (const { seconds, verdicts, answer, isRestart, silenced, skew } of stretches) {
          if (isRestart) {
            const closing = scene.notifier.close(0);
            await scene.clock.pass(0);
            await closing;
            scene = new Scene({ ...options, store, clock: scene.clock });
          }
          scene.receiver().answer = answering(scene, answer);
          const [a, b, c] = verdicts;
          if (silenced !== null) scene.muting.silences.put(silenceOf(silenced, scene.clock.now()));
          for (let second = 0; second < seconds; second++) {
            if (skew !== null) scene.observeSkew(skew);
            await scene.hop({ a, b, c });
          }
          scene.muting.silences.remove("quiet");
        }
        scene.receiver().answer = answering(scene, "take");
        for (let second = 0; second < 400; second++) {
          scene.observeSkew("calm");
          await scene.hop({ a: "calm", b: "calm", c: "calm" });
        }
        assert.deepEqual(early, [], "over while one of them was hot");
        assert.deepEqual([...isOpen.values()].filter(Boolean), [], "never over");
        assert.equal(unaccounted(scene.ledger.books()), 0);
      }),
      { numRuns: 40 },
    );
  });
});
