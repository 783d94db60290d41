import assert from "node:assert/strict";
import { test } from "node:test";
import { stripVTControlCharacters } from "node:util";
import { displayWidth } from "../../../../src/cli/view/display-text.ts";
import { frameLines, heatBar, incidentText, mixText } from "../../../../src/cli/view/frame.ts";
import { colours, noColours } from "../../../../src/cli/view/paint.ts";
import fc from "../../../support/fast-check.ts";
import { incidentRow, keyRow, sceneWith } from "./scenes.ts";

const texts = {
  title: "keyheat demo",
  subtitle: "its own redis-server",
  footer: "API http://x   Ctrl-C ends",
};
const size = { columns: 100, rows: 40 };

test("the frame shows target, keys with bounds and share, the incident, and how to end it", () => {
  assert.deepEqual(frameLines(sceneWith(), texts, size, noColours), [
    `keyheat demo${" ".repeat(65)}11,021 accesses/s seen`,
    "its own redis-server",
    "seen   127.0.0.1:6379 (primary)  writes seen 100.0%, reads seen 50.0%",
    "",
    "  # KEY                                    RATE/S    BOUND   SHARE  KIND       ",
    "  1 product:4711:stock                      8,012    exact   72.7%  write       ███████████████████",
    "  2 user:1                                    120     ±0.3    4.0%  write       ▎",
    "",
    "INCIDENTS",
    "firing    product:4711:stock  8,012/s, peak 8,100/s, for 12s  (hot-key, critical)",
    "",
    "API http://x   Ctrl-C ends",
  ]);
});

test("a frame without anything yet says so", () => {
  const lines = frameLines(
    sceneWith({
      keys: [],
      incidents: [],
      targets: [],
      accessesPerSecond: null,
      problems: ["no target answers"],
    }),
    texts,
    size,
    noColours,
  );
  assert.ok(lines.includes("    no accesses seen yet"));
  assert.ok(lines.includes("no incidents"));
  assert.ok(lines.includes("! no target answers"));
});

test("the line of a problem is shown whole, in several lines where it must be", () => {
  const problem = `notifications are off: run CONFIG SET notify-keyspace-events Em${"x".repeat(40)} on the server`;
  const lines = frameLines(sceneWith({ problems: [problem] }), texts, { columns: 60, rows: 40 }, noColours);
  assert.ok(lines.join(" ").replaceAll(/ +/g, " ").includes(`! ${problem}`));
});

test("no frame is wider or higher than its terminal, whatever the keys and the size", () => {
  const label = fc
    .oneof(fc.string({ unit: "grapheme" }), fc.string({ unit: "grapheme-composite" }))
    .map((text) => text.replaceAll(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, "?"));
  const property = fc.property(
    fc.array(label, { maxLength: 30 }),
    fc.integer({ min: 21, max: 300 }),
    fc.integer({ min: 1, max: 60 }),
    (labels, columns, rows) => {
      const scene = sceneWith({
        keys: labels.map((text) => keyRow({ label: text, incident: "firing" })),
        incidents: labels.map((text, id) => incidentRow({ id: String(id), label: text })),
        problems: labels,
      });
      const lines = frameLines(scene, texts, { columns, rows }, colours);
      assert.ok(lines.length <= Math.max(1, rows - 1), `${lines.length} lines in ${rows} rows`);
      for (const line of lines) {
        const width = displayWidth(stripVTControlCharacters(line));
        assert.ok(width < columns, `${width} columns of ${columns}: ${line}`);
      }
    },
  );
  fc.assert(property, { numRuns: 200 });
});

test("a firing key is red, one that recovers yellow, a calm one plain", () => {
  const keys = [keyRow({ incident: "firing" }), keyRow({ incident: "recovering" }), keyRow()];
  const lines = frameLines(sceneWith({ keys }), texts, size, colours).filter((line) =>
    line.includes("user:1"),
  );
  assert.deepEqual(
    lines.map((line) => ["\u001b[31m", "\u001b[33m"].find((code) => line.startsWith(code)) ?? "plain"),
    ["\u001b[31m", "\u001b[33m", "plain"],
  );
});

test("kinds are named by their largest shares, a miss not as a read", () => {
  const mixOf = (read: number, write: number, miss: number) =>
    mixText(keyRow({ mix: { read, write, miss } }));
  assert.equal(mixOf(0, 10, 0), "write");
  assert.equal(mixOf(10, 0, 10), "miss");
  assert.equal(mixOf(10, 30, 2), "75% w 20% r");
  assert.equal(mixOf(0, 8, 2), "80% w 20% m");
  assert.equal(mixOf(0, 0, 0), "-");
});

test("a bar grows in eighths of a column and never passes its width", () => {
  assert.equal(heatBar(0, 10), "");
  assert.equal(heatBar(0.5, 10), "█████");
  assert.equal(heatBar(0.0125, 10), "▏");
  assert.equal(heatBar(7, 10), "█".repeat(10));
});

test("an incident of a server that nobody sees has no rate", () => {
  const row = incidentRow({ label: "10.0.0.1:6379", rule: "blind", ratePerSecond: 0, peakRatePerSecond: 0 });
  assert.equal(incidentText(row, 1_075_000), "10.0.0.1:6379  for 1m 15s  (blind, critical)");
});
