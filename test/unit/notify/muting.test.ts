import assert from "node:assert/strict";
import { test } from "node:test";
import type { Silence, SilenceMatchers } from "../../../src/model/silence.ts";
import { unaccounted } from "../../../src/runtime/accounting.ts";
import { heatOf, observation, RULE } from "../incidents/samples.ts";
import { brokenDown } from "./fake-receiver.ts";
import { keptStore } from "./kept-store.ts";
import { routeTo, Scene } from "./scene.ts";

/** A silence of so many seconds, from now or from `startsInSeconds` on. */
function silence(
  scene: Scene,
  seconds: number,
  matchers: SilenceMatchers = { key: "user:*" },
  { id = "quiet", startsInSeconds = 0 } = {},
): Silence {
  const startsAtMs = scene.clock.now() + startsInSeconds * 1000;
  const endsAtMs = startsAtMs + seconds * 1000;
  return {
    id,
    matchers,
    startsAtMs,
    endsAtMs,
    comment: "",
    createdBy: "",
    createdAtMs: scene.clock.now(),
  };
}

/** What was told, as `SECOND EVENT KEYS`; a target as a whole has no key. */
function lines(scene: Scene): string[] {
  return scene
    .told()
    .map(
      ({ atSeconds, event, keys }) => `${atSeconds} ${event} ${keys.map((key) => key || "target").join(" ")}`,
    );
}

function drops(scene: Scene) {
  return scene.ledger.books().dropped;
}

test("a silenced key is not told, and told as soon as its silence ends, if it still fires", async () => {
  const scene = new Scene();
  scene.muting.silences.put(silence(scene, 60));
  await scene.hops(59, { "user:1": "hot", "cart:1": "hot" });
  assert.deepEqual(lines(scene), ["0 firing cart:1"]);
  await scene.hops(5, { "user:1": "hot", "cart:1": "hot" });
  assert.deepEqual(lines(scene), ["0 firing cart:1", "60 firing user:1"]);
  assert.deepEqual(drops(scene), { silenced: 1 }, "counted once, however often it was looked at");
});

test("a key that fires and resolves within a silence is never told", async () => {
  const scene = new Scene();
  scene.muting.silences.put(silence(scene, 600));
  await scene.hops(5, { "user:1": "hot" });
  await scene.hops(700, { "user:1": "calm" });
  assert.deepEqual(lines(scene), []);
});

test("what was told before a silence is not repeated within it, and its resolve goes out", async () => {
  const scene = new Scene();
  await scene.hops(10, { "user:1": "hot" });
  scene.muting.silences.put(silence(scene, 3600));
  await scene.hops(400, { "user:1": "hot" });
  assert.deepEqual(lines(scene), ["0 firing user:1"], "no reminder after 300 s");
  await scene.hops(40, { "user:1": "calm" });
  assert.deepEqual(scene.toldAt("firing"), [0]);
  assert.equal(scene.toldAt("resolved").length, 1);
  assert.deepEqual(drops(scene), { silenced: 1 });
});

test("a silence that is removed mutes nothing any more", async () => {
  const scene = new Scene();
  scene.muting.silences.put(silence(scene, 3600));
  await scene.hops(10, { "user:1": "hot" });
  assert.equal(scene.muting.silences.remove("quiet"), true);
  await scene.clock.pass(100);
  assert.deepEqual(scene.toldAt("firing"), [10]);
  assert.equal(scene.muting.silences.remove("quiet"), false);
});

test("a silence of one severity lets the rise above it through", async () => {
  const scene = new Scene();
  scene.muting.silences.put(silence(scene, 3600, { severity: "warning" }));
  await scene.hops(5, { "user:1": "hot" });
  await scene.hops(5, { "user:1": "hot" }, "critical");
  assert.deepEqual(lines(scene), ["5 firing user:1"]);
});

test("what waits for its group when a silence begins does not leave, and costs no message", async () => {
  const route = routeTo(["hook"], { groupWait: 2000, burst: 1, groupInterval: 600_000 });
  const scene = new Scene({ routes: [route] });
  scene.muting.silences.put(silence(scene, 3600, { key: "user:*" }, { startsInSeconds: 1 }));
  await scene.hops(5, { "user:1": "hot" });
  assert.deepEqual(lines(scene), []);
  await scene.hops(5, { "user:1": "hot", "cart:1": "hot" });
  assert.deepEqual(lines(scene), ["7 firing cart:1"], "the only message of the budget");
});

test("what waits for a retry when a silence begins is given up, and told when it ends", async () => {
  const scene = new Scene();
  scene.receiver().answer = () => (scene.clock.now() < scene.startMs + 10_000 ? brokenDown : "take");
  await scene.hops(8, { "user:1": "hot" });
  scene.muting.silences.put(silence(scene, 100));
  const attempts = scene.receiver().attempts.length;
  await scene.hops(99, { "user:1": "hot" });
  assert.equal(scene.receiver().attempts.length, attempts);
  await scene.hops(5, { "user:1": "hot" });
  assert.deepEqual(scene.toldAt("firing"), [108]);
  assert.equal(drops(scene).silenced, 1);
});

test("a silence that begins just as a group leaves wins", async () => {
  const scene = new Scene({ routes: [routeTo(["hook"], { groupWait: 1000 })] });
  scene.observe("hot");
  await scene.clock.pass(999);
  scene.muting.silences.put(silence(scene, 10));
  await scene.clock.pass(1);
  assert.deepEqual(lines(scene), []);
});

test("a skew speaks for the keys of its target: they are listed with it, and told after it", async () => {
  const scene = new Scene();
  await scene.hops(3, { "user:1": "hot" });
  scene.observeSkew("hot");
  await scene.hops(10, { "user:1": "hot", "user:2": "hot", "user:3": "hot" });
  assert.deepEqual(lines(scene), ["0 firing user:1", "3 firing target"]);
  const [, skewed] = scene.receiver().taken;
  assert.deepEqual(skewed?.group.folded?.map(({ key }) => Buffer.from(key?.bytes ?? "").toString()).sort(), [
    "user:1",
    "user:2",
    "user:3",
  ]);
  assert.equal(skewed?.group.foldedMore, 0);
  for (let second = 13; second < 310; second++) {
    scene.observeSkew("hot");
    await scene.hop({ "user:1": "hot", "user:2": "hot", "user:3": "calm" });
  }
  scene.observeSkew("calm");
  await scene.hops(2, { "user:1": "hot", "user:2": "hot", "user:3": "calm" });
  const after = lines(scene).slice(2);
  assert.deepEqual(after, ["303 firing target", "310 firing user:1 user:2"], "the third is over");
  assert.deepEqual(drops(scene), { inhibited: 3 }, "two keys, and a reminder of user:1");
});

test("of keys told before the skew the reminders are folded, and the resolves are told", async () => {
  const scene = new Scene();
  await scene.hops(3, { "user:1": "hot" });
  for (let second = 0; second < 350; second++) {
    scene.observeSkew("hot");
    await scene.hop({ "user:1": "hot" });
  }
  assert.deepEqual(lines(scene), ["0 firing user:1", "3 firing target", "303 firing target"]);
  for (let second = 0; second < 40; second++) {
    scene.observeSkew("hot");
    await scene.hop({ "user:1": "calm" });
  }
  assert.deepEqual(
    scene
      .told()
      .filter(({ event }) => event === "resolved")
      .map(({ keys }) => keys),
    [["user:1"]],
  );
});

test("a silenced skew folds nothing, and one whose silence ends does", async () => {
  const scene = new Scene();
  scene.muting.silences.put(silence(scene, 20, { rule: "skewed" }));
  scene.observeSkew("hot");
  await scene.hops(10, { "user:1": "hot" });
  assert.deepEqual(lines(scene), ["0 firing user:1"]);
  scene.observeSkew("hot");
  await scene.hops(15, { "user:1": "hot", "user:2": "hot" });
  assert.deepEqual(lines(scene), ["0 firing user:1", "10 firing user:2", "20 firing target"]);
  await scene.hops(5, { "user:3": "hot" });
  assert.equal(lines(scene).length, 3);
});

test("whoever does not hear of the skew is told of the keys", async () => {
  const routes = [
    routeTo(["pager"], { match: { severity: "critical" } }),
    routeTo(["chat"], { match: { severity: "warning" } }),
  ];
  const scene = new Scene({ receivers: ["pager", "chat"], routes });
  scene.observeSkew("hot", "warning");
  await scene.hops(3, { "user:1": "hot" }, "warning");
  await scene.hops(3, { "user:2": "hot" }, "critical");
  assert.deepEqual(scene.toldAt("firing", "chat"), [0], "of the skew alone");
  assert.deepEqual(scene.toldAt("firing", "pager"), [3], "of the critical key");
});

test("keys of other targets and clusters are not folded", async () => {
  const scene = new Scene();
  scene.observeSkew("hot");
  await scene.hops(2, {});
  const incident = scene.observe("hot");
  assert.ok(incident);
  assert.equal(scene.muting.muted(incident, "hook"), "inhibited");
  assert.equal(scene.muting.muted({ ...incident, target: "10.0.0.9:6379" }, "hook"), null);
  assert.equal(scene.muting.muted({ ...incident, cluster: "other" }, "hook"), null);
  assert.equal(scene.muting.muted({ ...incident, target: null }, "hook"), null);
  assert.equal(scene.muting.muted({ ...incident, status: "resolved" }, "hook"), null);
  await scene.hops(2, {});
});

test("where the rules are read again and have no skew any more, what was folded is told", async () => {
  const scene = new Scene();
  scene.observeSkew("hot");
  await scene.hops(5, { "user:1": "hot" });
  scene.muting.setRules([{ name: "skewed", type: "rate" }]);
  await scene.hops(1, { "user:1": "hot" });
  assert.deepEqual(lines(scene), ["0 firing target", "5 firing user:1"]);
});

test("of many keys the hottest are listed, and the rest counted", async () => {
  const scene = new Scene();
  const keys = Array.from({ length: 30 }, (_, index) => `user:${index}`);
  await scene.hops(1, Object.fromEntries(keys.map((key) => [key, "hot"])));
  scene.observeSkew("hot");
  await scene.hops(1, {});
  const group = scene.receiver().taken.at(-1)?.group;
  assert.equal(group?.folded?.length, 20);
  assert.equal(group?.foldedMore, 10);
});

test("the books balance over silences and folding", async () => {
  const scene = new Scene({
    routes: [routeTo(["hook"], { groupWait: 1500, burst: 1, groupInterval: 7000 })],
  });
  for (let second = 0; second < 120; second++) {
    const id = `s${second % 7}`;
    if (second % 5 === 0)
      scene.muting.silences.put(silence(scene, 6, { key: `user:*[${second % 4}-9]` }, { id }));
    if (second % 11 === 0) scene.muting.silences.remove(id);
    if (second >= 60 && second % 13 === 0) scene.observeSkew(second % 2 === 0 ? "calm" : "hot");
    await scene.hop({ [`user:${second}`]: "hot", [`user:${second - 20}`]: "calm", "user:3": "hot" });
  }
  await scene.notifier.close(1000);
  assert.equal(unaccounted(scene.ledger.books()), 0);
  const { silenced = 0, inhibited = 0 } = drops(scene);
  assert.ok(silenced > 0 && inhibited > 0, JSON.stringify(drops(scene)));
});

test("a folded key that moves to a target in no trouble is told", async () => {
  const scene = new Scene();
  scene.observeSkew("hot");
  await scene.hops(5, { "user:1": "hot" });
  const moved = { ...heatOf({ atMs: scene.clock.now(), writes: 21_000 }), target: "10.0.0.9:6379" };
  assert.equal(scene.book.observe(RULE, observation("hot", "warning", moved), scene.clock.now()), null);
  await scene.hops(11, {});
  assert.deepEqual(lines(scene).slice(0, 2), ["0 firing target", "10 firing user:1"]);
});

test("a skew that is not seen after a restart folds nothing for who never heard of it", async () => {
  const store = keptStore();
  const before = new Scene({ store });
  before.receiver().answer = () => brokenDown;
  before.observeSkew("hot");
  await before.hops(3, { "user:1": "hot" });
  await before.notifier.close(0);
  const after = new Scene({ store, clock: before.clock });
  await after.hops(3, { "user:1": "hot" });
  assert.deepEqual(lines(after), ["0 firing user:1"]);
  after.observeSkew("hot");
  await after.hops(3, { "user:1": "hot", "user:2": "hot" });
  assert.deepEqual(lines(after), ["0 firing user:1", "3 firing target"]);
});

test("a skew that was told folds after a restart also while it is not seen yet", async () => {
  const store = keptStore();
  const before = new Scene({ store });
  before.observeSkew("hot");
  await before.hops(3, { "user:1": "hot" });
  assert.deepEqual(lines(before), ["0 firing target"]);
  await before.notifier.close(0);
  const after = new Scene({ store, clock: before.clock });
  await after.hops(3, { "user:1": "hot" });
  assert.deepEqual(lines(after), []);
});

test("what is calm when its mute ends is told only if it is hot again", async () => {
  const scene = new Scene();
  scene.muting.silences.put(silence(scene, 20, { key: "user:*" }));
  await scene.hops(15, { "user:1": "hot", "user:2": "hot" });
  await scene.hops(15, { "user:1": "calm", "user:2": "calm" });
  assert.deepEqual(lines(scene), [], "20 s are over, and both are calm");
  await scene.hops(5, { "user:1": "hot", "user:2": "calm" });
  assert.deepEqual(lines(scene), ["30 firing user:1"]);
  await scene.hops(60, { "user:1": "hot", "user:2": "calm" });
  assert.deepEqual(lines(scene), ["30 firing user:1"], "the other is over, and nobody heard of it");
});

test("keys that cool together with the node that they made burn are not told", async () => {
  const scene = new Scene();
  scene.observeSkew("hot");
  await scene.hops(5, { "user:1": "hot" });
  scene.observe("calm");
  scene.observeSkew("calm");
  await scene.hops(5, { "user:1": "calm" });
  assert.deepEqual(lines(scene), ["0 firing target"]);
});
