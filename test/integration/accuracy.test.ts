import assert from "node:assert/strict";
import { test } from "node:test";
import { PaneRecorder } from "../../src/panes/recorder.ts";
import { Ledger, unaccounted } from "../../src/runtime/accounting.ts";
import { silentLogger } from "../../src/runtime/logger.ts";
import { EventTable } from "../../src/sources/keyspace/event-table.ts";
import { FrameReader } from "../../src/sources/keyspace/frames.ts";
import { Tap } from "../../src/sources/keyspace/tap.ts";
import { Windows } from "../../src/windows/windows.ts";
import { makeReport } from "../support/parts.ts";
import { Zipf } from "../support/zipf.ts";

const KEYS = 1_000_000;
const EVENTS_PER_PANE = 60_000;
const PANES = 12;
const WINDOW_MS = 10_000;

function frame(key: string): string {
  return `*4\r\n$8\r\npmessage\r\n$16\r\n__keyevent@*__:*\r\n$18\r\n__keyevent@0__:set\r\n$${key.length}\r\n${key}\r\n`;
}

test("on a Zipf(1.1) write load over 1 M keys the top 100 of a window is found, and each bound holds and is narrow", (t) => {
  const table = new EventTable({ flavor: "redis", version: [7, 0] });
  const recorder = new PaneRecorder(
    {
      agent: "agent-a",
      cluster: "default",
      target: "10.0.0.1:6379",
      vantage: "server-events",
      lengthMs: 1000,
      capacity: 8192,
      bytesMax: 4 * 1024 * 1024,
      publishMax: 1000,
      buckets: 12,
      maybeClasses: table.maybes,
      commandNames: table.names.slice(1),
      ignored: () => false,
    },
    { startMs: 0, epoch: 1, nowMs: 0 },
  );
  const tap = new Tap(table, recorder);
  const reader = new FrameReader(
    tap,
    { reply: () => assert.fail(), error: (message) => assert.fail(message) },
    {
      keyPlace: "payload",
      codeOf: (name) => table.codeOf(name),
      unknownCode: table.unknownCode,
    },
  );
  const windows = new Windows({
    windowsMs: [WINDOW_MS],
    hopMs: 1000,
    graceMs: 2000,
    ledger: new Ledger("windows"),
    logger: silentLogger,
  });
  windows.expect(makeReport({ atMs: 0 }));
  const zipf = new Zipf(KEYS, 1.1);
  const exactOfPanes: Map<string, number>[] = [];
  for (let pane = 0; pane < PANES; pane++) {
    const exact = new Map<string, number>();
    exactOfPanes.push(exact);
    for (let round = 1; round <= 5; round++) {
      const frames: string[] = [];
      for (let i = 0; i < EVENTS_PER_PANE / 5; i++) {
        const key = `user:${zipf.next()}:profile`;
        exact.set(key, (exact.get(key) ?? 0) + 1);
        frames.push(frame(key));
      }
      reader.push(Buffer.from(frames.join("")));
      const nowMs = pane * 1000 + round * 200;
      for (const part of recorder.earlyParts(nowMs, ["write", "miss"], null)) windows.add(part, nowMs);
    }
    const endMs = (pane + 1) * 1000;
    const verdict = {
      sees: ["write", "miss"],
      complete: true,
      writesInDoubt: false,
      slots: null,
      totals: null,
      budgets: [],
    } as const;
    for (const part of tap.rotate({ startMs: endMs, epoch: 1, nowMs: endMs }).publish(verdict))
      windows.add(part, endMs);
    windows.advance(endMs);
  }

  const exact = new Map<string, number>();
  for (const pane of exactOfPanes.slice(-WINDOW_MS / 1000)) {
    for (const [key, count] of pane) exact.set(key, (exact.get(key) ?? 0) + count);
  }
  const total = (EVENTS_PER_PANE * WINDOW_MS) / 1000;
  const { heats, complete } = windows.top("default", WINDOW_MS, 1000);
  assert.equal(complete, true);
  let widest = 0;
  for (const { key, counts } of heats) {
    const { lower, upper } = counts.total;
    const count = exact.get(Buffer.from(key.bytes).toString()) ?? 0;
    assert.ok(upper !== null && lower <= count && count <= upper, `${lower} <= ${count} <= ${upper}`);
    widest = Math.max(widest, (upper - lower) / total);
  }
  assert.ok(widest <= 0.001, `the widest bound is ${widest} of the total`);
  t.diagnostic(
    `${heats.length} bounds hold, the widest is ${(widest * 100).toFixed(3)}% of the window's total`,
  );
  const ranked = Array.from(exact).sort((a, b) => b[1] - a[1]);
  const hundredth = ranked[99]?.[1] ?? assert.fail();
  const found = new Set(heats.slice(0, 100).map(({ key }) => Buffer.from(key.bytes).toString()));
  // Keys that share the count of the 100th may stand for each other.
  const missed = ranked.filter(([key, count]) => count > hundredth && !found.has(key));
  assert.deepEqual(missed, []);
  for (const books of [...windows.books(), tap.books()]) assert.equal(unaccounted(books), 0, books.stage);
});
