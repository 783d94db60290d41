import assert from "node:assert/strict";
import { test } from "node:test";
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
  assert.equal(summaryLine(scene), "h:1 blind | no accesses seen yet");
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
