import assert from "node:assert/strict";
import { test } from "node:test";
import { ALL_KEYS } from "../../../../src/cli/view/key-order.ts";
import { changeLines, summaryLine, type Told } from "../../../../src/cli/view/plain-lines.ts";
import { incidentRow, sceneWith } from "./scenes.ts";

test("the summary is one line with the top keys", () => {
  assert.equal(
    summaryLine(sceneWith()),
    "11,021 accesses/s | top: product:4711:stock 8,012/s (exact, 72.7%); user:1 120/s (±0.3, 4.0%)",
  );
});

test("the summary names targets that are not seen", () => {
  const targets = [
    { target: "h:1", role: "unknown", state: "blind", coverage: { read: null, write: null } },
  ] as const;
  const scene = sceneWith({ targets, keys: [], accessesPerSecond: null });
  assert.equal(
    summaryLine(scene),
    "h:1 blind | blind: no server is seen, so it is not known whether anything is hot",
  );
});

test("the summary says why it has no key: that a filter leaves none is another thing than that nothing is hot", () => {
  const idle = { keys: [], accessesPerSecond: null, targets: [] };
  assert.equal(summaryLine(sceneWith(idle)), "not watching: no server is known yet");
  assert.equal(
    summaryLine(sceneWith(), { ...ALL_KEYS, filter: "cart\u001b" }),
    '11,021 accesses/s | none of the 2 hottest keys has "cart\\u{1b}" in it',
  );
});

test("an incident is told once for each of its states, the older change first, and a problem while it lasts once", () => {
  const told: Told = { incidents: new Map(), problems: new Set() };
  const older = incidentRow({ id: "older", label: "a", status: "recovering" });
  const newer = incidentRow({ id: "newer", label: "b" });
  const scene = sceneWith({ incidents: [newer, older], problems: ["no flags"] });
  assert.deepEqual(changeLines(scene, told), [
    "! no flags",
    "incident recovering: a  8,012/s, peak 8,100/s, for 12s  (hot-key, critical)",
    "incident firing: b  8,012/s, peak 8,100/s, for 12s  (hot-key, critical)",
  ]);
  assert.deepEqual(changeLines(scene, told), []);
  const resolved = incidentRow({ id: "older", label: "a", status: "resolved", resolvedAtMs: 1_061_000 });
  assert.deepEqual(changeLines(sceneWith({ incidents: [newer, resolved] }), told), [
    "incident resolved: a  peak 8,100/s, lasted 1m 01s  (hot-key, critical)",
  ]);
  assert.deepEqual(changeLines(scene, told).slice(0, 1), ["! no flags"]);
});
