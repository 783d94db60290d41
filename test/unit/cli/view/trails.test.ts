import assert from "node:assert/strict";
import { test } from "node:test";
import type { Scene } from "../../../../src/cli/view/scene.ts";
import { chartRows, NO_TRAILS, trailOf, trailsWith, trailText } from "../../../../src/cli/view/trails.ts";
import { keyRow, sceneWith } from "./scenes.ts";

/** A scene of a second, with the rates of keys in that. */
function second(at: number, rates: Readonly<Record<string, number>>): Scene {
  const keys = Object.entries(rates).map(([label, currentPerSecond]) => keyRow({ label, currentPerSecond }));
  return sceneWith({ asOfMs: at * 1000, keys });
}

const trailsAfter = (scenes: readonly Scene[]) => scenes.reduce(trailsWith, NO_TRAILS);
const pointsOf = (scenes: readonly Scene[], label: string) => trailOf(trailsAfter(scenes), `0 utf8 ${label}`);

test("each second adds a point, and a second that is read twice stays one", () => {
  const scenes = [second(10, { a: 1 }), second(11, { a: 2 }), second(11, { a: 3 }), second(12, { a: 4 })];
  assert.deepEqual(pointsOf(scenes, "a"), [1, 3, 4]);
});

test("a second in which a key was not among the shown ones, or nobody answered, is a gap and not nothing", () => {
  const away = [second(10, { a: 1, b: 9 }), second(11, { b: 9 }), second(12, { a: 3, b: 9 })];
  assert.deepEqual(pointsOf(away, "a"), [1, null, 3]);
  const unanswered = [second(10, { a: 1 }), second(13, { a: 4 })];
  assert.deepEqual(pointsOf(unanswered, "a"), [1, null, null, 4]);
});

test("keys that came at different times end with the same second", () => {
  const scenes = [second(10, { a: 1 }), second(11, { a: 2, late: 5 })];
  assert.deepEqual([pointsOf(scenes, "a"), pointsOf(scenes, "late")], [[1, 2], [5]]);
});

test("a minute is kept, a key that is away for longer is forgotten, and so is all when time goes back", () => {
  const minute = Array.from({ length: 90 }, (_, index) => second(index + 1, { a: index }));
  assert.deepEqual(pointsOf(minute, "a").length, 60);
  assert.equal(trailsAfter([second(1, { a: 1 }), second(100, { b: 1 })]).points.size, 1);
  assert.deepEqual(pointsOf([second(50, { a: 1 }), second(9, { a: 2 })], "a"), [2]);
});

test("however many keys come and go, a bounded number of trails is kept", () => {
  const scenes = Array.from({ length: 8 }, (_, index) =>
    second(index + 1, Object.fromEntries(Array.from({ length: 1000 }, (_, key) => [`k${index}-${key}`, 1]))),
  );
  assert.equal(trailsAfter(scenes).points.size, 2000);
});

test("before the first window there is no point", () => {
  assert.equal(trailsWith(NO_TRAILS, sceneWith({ asOfMs: 0 })), NO_TRAILS);
});

test("a trail ends at the right, each key against its own highest, with blanks where nothing is known", () => {
  assert.equal(trailText([1, 4, 8], 5), "  ▂▅█");
  assert.equal(trailText([1, null, 8, 0], 4), "▂ █▁");
  assert.equal(trailText([9, 9, 9, 1, 2], 2), "▅█");
  assert.equal(trailText([], 3), "   ");
});

test("a chart has its highest point in the top row, and a little is to be seen at the bottom", () => {
  assert.deepEqual(chartRows([16, 8, 1, null, 0], 5, 2), ["█    ", "██▁  "]);
  assert.deepEqual(chartRows([0, 0], 2, 2), []);
});
